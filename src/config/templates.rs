//! The starting configs that `hybridctl init` offers, embedded in the binary.

/// A starting config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Name for `--template`, `quickstart`.
    pub name: &'static str,
    /// One line for `--list-templates`.
    pub summary: &'static str,
    /// The file, with comments; ids, domain and certificate are placeholders.
    pub text: &'static str,
}

/// Returns the templates, the default one first.
pub fn templates() -> &'static [Template] {
    &[
        Template {
            name: "quickstart",
            summary: "what ZenML's guide describes: two zones, one NAT gateway, one task",
            text: include_str!("../../templates/quickstart.toml"),
        },
        Template {
            name: "production",
            summary: "nothing depends on one zone: standby database, a NAT gateway per zone, two tasks, exact rights",
            text: include_str!("../../templates/production.toml"),
        },
        Template {
            name: "internal",
            summary: "private load balancer, reached over VPN or peering only",
            text: include_str!("../../templates/internal.toml"),
        },
    ]
}
