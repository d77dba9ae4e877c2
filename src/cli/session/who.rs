//! Who runs this: what somebody reads who finds our lock.

use crate::state::LockInfo;

/// This process, under a verb's name.
pub(crate) fn who(verb: &str) -> LockInfo {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| variable("HOSTNAME"));
    let host = host.map_or_else(|| "this machine".to_owned(), |host| host.trim().to_owned());
    LockInfo {
        who: format!("{}@{host}", variable("USER").unwrap_or_else(|| "somebody".into())),
        pid: std::process::id(),
        command: verb.to_owned(),
        since: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_else(|_| jiff::Timestamp::now()),
        job: job(&variable),
    }
}

/// Page of the job, as GitHub, GitLab and Jenkins say it.
fn job(variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let github = || {
        let (server, repository) = (variable("GITHUB_SERVER_URL")?, variable("GITHUB_REPOSITORY")?);
        Some(format!("{server}/{repository}/actions/runs/{}", variable("GITHUB_RUN_ID")?))
    };
    github().or_else(|| variable("CI_JOB_URL")).or_else(|| variable("BUILD_URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_names_the_page_of_the_job_that_holds_it() {
        type Variables = &'static [(&'static str, &'static str)];
        let table: [(Variables, Option<&str>); 5] = [
            (&[], None),
            (
                &[("GITHUB_SERVER_URL", "https://git"), ("GITHUB_REPOSITORY", "a/b"), ("GITHUB_RUN_ID", "7")],
                Some("https://git/a/b/actions/runs/7"),
            ),
            (&[("GITHUB_SERVER_URL", "https://git")], None),
            (&[("CI_JOB_URL", "https://lab/jobs/1")], Some("https://lab/jobs/1")),
            (&[("BUILD_URL", "https://jenkins/2")], Some("https://jenkins/2")),
        ];
        for (variables, expected) in table {
            let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into());
            assert_eq!(job(&lookup).as_deref(), expected);
        }
    }
}
