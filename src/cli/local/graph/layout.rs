//! Where the boxes of the picture go: ranks by the longest way to them, wrapped into rows.
//!
//! Whole numbers only, and every tie is broken by the address, so the same graph gives the same picture on every machine.
//! A newcomer would use a general layout: sixty boxes do not need one, and a dependency on Graphviz would be one.

use super::Arrow;

/// Boxes side by side; a rank with more is wrapped.
const PER_ROW: usize = 8;
/// Times the order is improved, down and up again.
const SWEEPS: usize = 8;
/// A whole, in the unit of [`centres`].
const WHOLE: usize = 10_000;

/// Returns the rows from top to bottom, each with its boxes from left to right, by rank.
pub(super) fn ranks(boxes: usize, arrows: &[Arrow]) -> Vec<Vec<Vec<usize>>> {
    let rank = rank_of_each(boxes, arrows);
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); rank.iter().max().map_or(0, |last| last + 1)];
    for (at, rank) in rank.iter().enumerate() {
        order[*rank].push(at);
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let places: Vec<usize> = if down { (0..order.len()).collect() } else { (0..order.len()).rev().collect() };
        for place in places {
            let centre = centres(boxes, &order);
            let wish = |at: usize| {
                let mut near = Vec::new();
                for arrow in arrows {
                    match (down, arrow.from == at, arrow.to == at) {
                        (true, _, true) => near.push(centre[arrow.from]),
                        (false, true, _) => near.push(centre[arrow.to]),
                        _ => {}
                    }
                }
                if near.is_empty() { centre[at] } else { near.iter().sum::<usize>() / near.len() }
            };
            order[place].sort_by_key(|at| (wish(*at), *at));
        }
    }
    order.iter().map(|rank| rows(rank)).collect()
}

/// The longest way to each box. A circle, which the planner refuses anyway, ends the search instead of going on for ever.
fn rank_of_each(boxes: usize, arrows: &[Arrow]) -> Vec<usize> {
    let mut rank = vec![0; boxes];
    for _ in 0..boxes {
        let before = rank.clone();
        for arrow in arrows {
            rank[arrow.to] = rank[arrow.to].max(rank[arrow.from] + 1).min(boxes);
        }
        if rank == before {
            break;
        }
    }
    // What needs nothing goes down to just above its first user: shorter arrows, and a narrower top.
    let first_user = |at: usize| arrows.iter().filter(|arrow| arrow.from == at).map(|arrow| rank[arrow.to]).min();
    let needs_nothing = |at: usize| arrows.iter().all(|arrow| arrow.to != at);
    let sunk = |at: usize| first_user(at).filter(|_| needs_nothing(at)).map_or(rank[at], |user| user.saturating_sub(1));
    let rank: Vec<usize> = (0..boxes).map(sunk).collect();
    // Empty ranks can only come from a circle.
    let mut used: Vec<usize> = rank.clone();
    used.sort_unstable();
    used.dedup();
    rank.iter().map(|rank| used.partition_point(|one| one < rank)).collect()
}

/// Deals a rank out to rows of nearly one length, so that each row spans the width and keeps the order.
fn rows(rank: &[usize]) -> Vec<Vec<usize>> {
    let number = rank.len().div_ceil(PER_ROW);
    (0..number).map(|row| rank.iter().skip(row).step_by(number).copied().collect()).collect()
}

/// Where the middle of each box is across the picture.
fn centres(boxes: usize, order: &[Vec<usize>]) -> Vec<usize> {
    let mut centre = vec![WHOLE / 2; boxes];
    for row in order.iter().flat_map(|rank| rows(rank)) {
        for (place, at) in row.iter().enumerate() {
            let width = WHOLE / PER_ROW;
            centre[*at] = (WHOLE - row.len() * width) / 2 + place * width + width / 2;
        }
    }
    centre
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: usize, to: usize) -> Arrow {
        Arrow { from, to, uses: true }
    }

    /// 0 ──▶ 1 ──▶ 2, 0 ──▶ 2, 3
    #[test]
    fn the_rank_is_the_longest_way() {
        assert_eq!(rank_of_each(4, &[arrow(0, 1), arrow(0, 2), arrow(1, 2)]), [0, 1, 2, 0]);
    }

    /// 0 ──▶ 1 ──▶ 2, 3 ──▶ 2
    #[test]
    fn what_needs_nothing_stands_just_above_its_first_user() {
        assert_eq!(rank_of_each(4, &[arrow(0, 1), arrow(1, 2), arrow(3, 2)]), [0, 1, 2, 1]);
    }

    #[test]
    fn a_circle_ends_and_every_box_has_a_place() {
        let ranks = ranks(4, &[arrow(0, 1), arrow(1, 0), arrow(1, 2)]);
        let mut all: Vec<usize> = ranks.into_iter().flatten().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3]);
    }

    #[test]
    fn a_wide_rank_is_wrapped_evenly() {
        assert_eq!(rows(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), [vec![0, 2, 4, 6, 8], vec![1, 3, 5, 7]]);
    }

    /// 0 ──▶ 3 and 1 ──▶ 2 would cross
    #[test]
    fn boxes_are_ordered_to_cross_less() {
        assert_eq!(ranks(4, &[arrow(0, 3), arrow(1, 2)])[1], [vec![3, 2]]);
    }
}
