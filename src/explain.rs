//! What `hybridctl explain` tells: one page for each code, check and deviation from ZenML's guide, from `docs/explain`.
//!
//! The pages are part of the binary. A new one is a file there and its id in this list; a test compares the two.

/// The page of this id (`HC1011`, in any case), as Markdown that reads well in a terminal.
pub fn page(id: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(id)).map(|(_, page)| *page)
}

/// Every id that has a page, sorted.
pub fn ids() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(id, _)| *id)
}

macro_rules! pages {
    ($($id:literal,)*) => {
        const PAGES: &[(&str, &str)] = &[$(($id, include_str!(concat!("../docs/explain/", $id, ".md")))),*];
    };
}

pages! {
    "HC1001",
    "HC1002",
    "HC1003",
    "HC1004",
    "HC1005",
    "HC1006",
    "HC1007",
    "HC1008",
    "HC1009",
    "HC1010",
    "HC1011",
    "HC1012",
    "HC1013",
    "HC1014",
    "HC1021",
    "HC1022",
    "HC1023",
    "HC1024",
    "HC1025",
    "HC1031",
    "HC1032",
    "HC1033",
    "HC1034",
    "HC1035",
    "HC1041",
    "HC1042",
    "HC1043",
    "HC1044",
    "HC1045",
    "HC1046",
    "HC1047",
    "HC1061",
    "HC1062",
    "HC1063",
    "HC1064",
    "HC1065",
    "HC1066",
    "HC1067",
    "HC1068",
    "HC1069",
    "HC1070",
    "HC1081",
    "HC1082",
    "HC1083",
    "HC1084",
    "HC1085",
    "HC1086",
    "HC1087",
    "HC1101",
    "HC1102",
    "HC1103",
    "HC1104",
    "HC1105",
    "HC1106",
    "HC1107",
    "HC1121",
    "HC1122",
    "HC1131",
    "HC1141",
    "HC1199",
    "VF-BALANCER",
    "VF-CONTROL-PLANE",
    "VF-CORS",
    "VF-DATABASE",
    "VF-DNS",
    "VF-ENVIRONMENT",
    "VF-GROUPS",
    "VF-HEALTH",
    "VF-INFO-AUTH",
    "VF-INFO-DATABASE",
    "VF-INFO-IDS",
    "VF-INFO-URL",
    "VF-INFO-VERSION",
    "VF-LISTENER",
    "VF-LOG-GROUP",
    "VF-LOGS",
    "VF-PORT",
    "VF-PUBLIC-ROUTE",
    "VF-REDIRECT",
    "VF-REVISION",
    "VF-ROLES",
    "VF-ROOT",
    "VF-ROUTE",
    "VF-SECRETS",
    "VF-SERVICE",
    "VF-TARGETS",
    "VF-TASKS",
    "VF-TLS",
    "guide-database-egress",
    "guide-database-logs",
    "guide-database-tls",
    "guide-database-url",
    "guide-execution-policy",
    "guide-execution-role",
    "guide-health-check",
    "guide-keys",
    "guide-listener-order",
    "guide-migrations",
    "guide-missing-resources",
    "guide-nat-address",
    "guide-port",
    "guide-secret-arn",
    "guide-secret-names",
    "guide-tls-policy",
    "guide-variable-names",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_found_in_any_case() {
        assert!(PAGES.is_sorted_by(|left, right| left.0 < right.0));
        assert_eq!(page("hc1011"), page("HC1011"));
        assert!(page("HC1011").is_some_and(|page| page.contains("dashes")));
        assert_eq!(page("HC0000"), None);
    }
}
