//! The elements of an XML answer by their places in the text: enough to change and to cut out some.

use std::ops::Range;

/// One element.
#[derive(Debug)]
pub struct Element<'text> {
    pub name: &'text str,
    /// From `<name` to the end of `</name>`.
    pub outer: Range<usize>,
    /// What is between the tags.
    pub inner: Range<usize>,
    /// Place of the element around it in the list of all.
    pub parent: Option<usize>,
}

/// Every element, in the order of the opening tags. Machine-made XML: no comments or CDATA with tags in them.
pub fn elements(text: &str) -> Vec<Element<'_>> {
    let mut found: Vec<Element<'_>> = vec![];
    let mut open: Vec<usize> = vec![];
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|place| at + place) {
        let Some(end) = text[start..].find('>').map(|place| start + place + 1) else { break };
        at = end;
        let tag = &text[start + 1..end - 1];
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            if let Some(closed) = open.pop() {
                found[closed].inner.end = start;
                found[closed].outer.end = end;
            }
            continue;
        }
        let name = tag.split([' ', '/', '\n', '\t']).next().unwrap_or_default();
        found.push(Element { name, outer: start..end, inner: end..end, parent: open.last().copied() });
        if !tag.ends_with('/') {
            open.push(found.len() - 1);
        }
    }
    found
}

/// The text of the first element of this name.
pub fn first<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    elements(text).into_iter().find(|element| element.name == name).map(|element| &text[element.inner])
}

/// Gives every element of this name that holds no other element another text.
pub fn set(text: &str, name: &str, to: &str) -> String {
    let all = elements(text);
    let is_leaf = |place: usize| !all.iter().any(|other| other.parent == Some(place));
    let places = all.iter().enumerate().filter(|(place, element)| element.name == name && is_leaf(*place));
    let places: Vec<Range<usize>> = places.map(|(_, element)| element.inner.clone()).collect();
    replaced(text, &places, to)
}

/// Cuts out the outermost elements that have a child of this name with this text.
pub fn without(text: &str, child: &str, value: &str) -> String {
    let all = elements(text);
    let named = all.iter().filter(|element| element.name == child && &text[element.inner.clone()] == value);
    let mut places: Vec<Range<usize>> = vec![];
    for owner in named.filter_map(|element| element.parent) {
        let outer = &all[owner].outer;
        if !places.iter().any(|place| place.start <= outer.start && outer.end <= place.end) {
            places.push(outer.clone());
        }
    }
    replaced(text, &places, "")
}

/// The text with other words in these places, which are in their order.
fn replaced(text: &str, places: &[Range<usize>], to: &str) -> String {
    let mut result = String::new();
    let mut at = 0;
    for place in places {
        result.push_str(&text[at..place.start]);
        result.push_str(to);
        at = place.end;
    }
    result + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "<?xml version=\"1.0\"?><R xmlns=\"x\"><set><item><id>1</id><sub><item><id>1</id></item></sub>\
                          <state>a</state></item><item><id>2</id><empty/><state>b</state></item></set></R>";

    #[test]
    fn an_item_goes_with_all_that_is_in_it() {
        let left = without(TABLES, "id", "1");
        assert_eq!(
            left,
            "<?xml version=\"1.0\"?><R xmlns=\"x\"><set><item><id>2</id><empty/><state>b</state></item></set></R>"
        );
        assert_eq!(without(TABLES, "id", "3"), TABLES);
    }

    #[test]
    fn every_element_of_a_name_is_set() {
        assert_eq!(first(&set(TABLES, "state", "failed"), "state"), Some("failed"));
        assert_eq!(set(TABLES, "state", "failed").matches("<state>failed</state>").count(), 2);
        assert_eq!(set(TABLES, "set", "gone"), TABLES, "it holds elements");
    }
}
