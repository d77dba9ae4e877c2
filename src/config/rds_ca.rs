//! The certificate authorities of Amazon RDS, by region, so that the server can verify its database.
//!
//! It fetches nothing: the texts are in `templates/rds-ca`, whose README names their source and expiry dates.
//! A region that is not here cannot be deployed to, because an unverified connection is not an acceptable default.

macro_rules! pem {
    ($region:literal) => {
        ($region, include_str!(concat!("../../templates/rds-ca/", $region, ".pem")))
    };
}

/// Region and the PEM text of its three roots, sorted by region.
const ROOTS: &[(&str, &str)] = &[
    pem!("af-south-1"),
    pem!("ap-east-1"),
    pem!("ap-northeast-1"),
    pem!("ap-northeast-2"),
    pem!("ap-northeast-3"),
    pem!("ap-south-1"),
    pem!("ap-south-2"),
    pem!("ap-southeast-1"),
    pem!("ap-southeast-2"),
    pem!("ap-southeast-3"),
    pem!("ap-southeast-4"),
    pem!("ca-central-1"),
    pem!("eu-central-1"),
    pem!("eu-central-2"),
    pem!("eu-north-1"),
    pem!("eu-south-1"),
    pem!("eu-south-2"),
    pem!("eu-west-1"),
    pem!("eu-west-2"),
    pem!("eu-west-3"),
    pem!("me-central-1"),
    pem!("me-south-1"),
    pem!("sa-east-1"),
    pem!("us-east-1"),
    pem!("us-east-2"),
    pem!("us-west-1"),
    pem!("us-west-2"),
];

/// Returns the PEM text (three certificates, below 5 KB) that a database in this region is verified with; `None` for
/// a region that hybridctl has no certificates for.
pub fn rds_ca(region: &str) -> Option<&'static str> {
    ROOTS.binary_search_by_key(&region, |(name, _)| name).ok().map(|index| ROOTS[index].1)
}

/// Returns every region that has certificates, sorted.
pub fn regions() -> impl Iterator<Item = &'static str> {
    ROOTS.iter().map(|(region, _)| *region)
}

#[cfg(test)]
mod tests {
    use x509_parser::pem::Pem;

    use super::*;

    const YEAR_SECS: i64 = 365 * 24 * 3600;

    #[test]
    fn every_root_is_a_certificate_authority_of_its_region_for_a_year_or_more() {
        let now = jiff::Timestamp::now().as_second();
        for (region, text) in ROOTS {
            let mut count = 0;
            for pem in Pem::iter_from_buffer(text.as_bytes()) {
                let pem = pem.expect("the file is PEM");
                let certificate = pem.parse_x509().expect("it holds a certificate");
                let subject = certificate.subject().to_string();
                assert!(subject.contains(&format!("CN=Amazon RDS {region} Root CA ")), "{region}: {subject}");
                assert!(certificate.is_ca(), "{region}");
                let end = certificate.validity().not_after.timestamp();
                assert!(end > now + YEAR_SECS, "{region}: {subject} expires within a year");
                count += 1;
            }
            assert_eq!(count, 3, "{region}");
            // A task definition is limited to 64 KiB, all variables together.
            assert!(text.len() < 5_000, "{region}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_has_every_file() {
        assert!(ROOTS.is_sorted_by_key(|(region, _)| region));
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/rds-ca");
        let files = std::fs::read_dir(folder).expect("the folder exists").filter(|file| {
            file.as_ref().expect("it can be listed").path().extension().is_some_and(|extension| extension == "pem")
        });
        assert_eq!(files.count(), ROOTS.len());
        assert!(rds_ca("eu-central-1").is_some_and(|text| text.starts_with("-----BEGIN CERTIFICATE-----")));
        assert_eq!(rds_ca("cn-north-1"), None);
    }
}
