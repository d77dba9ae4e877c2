//! Rules for `[service]`.

use crate::config::codes;
use crate::config::names::ImageReference;
use crate::config::problems::Problems;
use crate::config::read::{Document, Value};

/// Port of the image's own command.
const IMAGE_PORT: i64 = 8080;

/// What Fargate offers: cpu units, then smallest, largest and step of memory in MiB.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>
const TASK_SIZES: [(i64, i64, i64, i64); 7] = [
    (256, 512, 2_048, 512),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

pub(super) fn check(document: &Document, problems: &mut Problems) {
    image(document, problems);
    task_size(document, problems);
    port(document, problems);
    command(document, problems);
    cluster(document, problems);
    autoscaling(document, problems);
}

fn image(document: &Document, problems: &mut Problems) {
    let Some((text, span)) = document.word("service.image") else { return };
    let image = ImageReference::parse(text);
    let reason = if text.contains("://") {
        Some("has no scheme: leave out https://")
    } else if !is_repository(image.repository) {
        Some("needs a repository in lower case, such as <registry>/zenml-pro-server")
    } else if image.tag == Some("latest") {
        Some("may not have the tag `latest`: a tag that moves gives tasks of different versions")
    } else if !image.tag.is_none_or(is_tag) {
        Some("has a tag that no registry accepts")
    } else if !image.digest.is_none_or(is_digest) {
        Some("has a digest that is not sha256: and 64 hexadecimal digits")
    } else {
        None
    };
    if let Some(reason) = reason {
        let help = "a repository (zenml.version becomes the tag), or one with :tag or @sha256:digest";
        problems.error(codes::IMAGE, &span, format!("`service.image` {reason}"), help);
        return;
    }
    let (Some(tag), Some((version, _))) = (image.tag, document.word("zenml.version")) else { return };
    let (Ok(tag_version), Ok(version)) = (semver::Version::parse(tag), semver::Version::parse(version)) else {
        return;
    };
    let release = |version: &semver::Version| (version.major, version.minor, version.patch);
    if release(&tag_version) != release(&version) {
        let message = format!("the image's tag says {tag_version}, `zenml.version` says {version}: the tag decides");
        problems.warning(codes::IMAGE_VERSION, &span, message, "make them equal, or leave the tag out");
    }
}

fn is_repository(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/:".contains(&byte);
    text.bytes().all(letter)
        && text.split('/').all(|part| part.starts_with(|first: char| first.is_ascii_alphanumeric()))
}

fn is_tag(tag: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&tag.len()) && tag.bytes().all(letter) && !tag.starts_with(['.', '-'])
}

fn is_digest(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn task_size(document: &Document, problems: &mut Problems) {
    let (Some(cpu), Some(memory)) = (document.integer("service.cpu"), document.integer("service.memory")) else {
        return;
    };
    let at = |preferred: &str, other: &str| document.span(if document.is_given(preferred) { preferred } else { other });
    let Some((_, least, most, step)) = TASK_SIZES.into_iter().find(|(units, ..)| *units == cpu) else {
        if (256..=16_384).contains(&cpu) {
            let message = format!("Fargate has no tasks with {cpu} cpu units");
            let help = "use 256, 512, 1024, 2048, 4096, 8192 or 16384";
            problems.error(codes::TASK_SIZE, &document.span("service.cpu"), message, help);
        }
        return;
    };
    // 256 units skip 1536 MiB.
    let fits = (least..=most).contains(&memory) && memory % step == 0 && (cpu, memory) != (256, 1_536);
    if !fits && (512..=122_880).contains(&memory) {
        let message = format!("Fargate does not offer {memory} MiB of memory with {cpu} cpu units");
        let help = match cpu {
            256 => "use 512, 1024 or 2048".to_owned(),
            _ => format!("use {least} to {most} in steps of {step}, or other cpu units"),
        };
        problems.error(codes::TASK_SIZE, &at("service.memory", "service.cpu"), message, help);
    }
}

fn port(document: &Document, problems: &mut Problems) {
    let is_image = matches!(document.written("service.command"), Some(Value::Text(text)) if text == "image");
    let Some(port) = document.integer("service.port").filter(|port| is_image && *port != IMAGE_PORT) else { return };
    let path = if document.is_given("service.port") { "service.port" } else { "service.command" };
    let message = format!("the image's own command listens on {IMAGE_PORT}, `service.port` is {port}");
    let help = format!("set port = {IMAGE_PORT}, or command = \"auto\"");
    problems.error(codes::PORT, &document.span(path), message, help);
}

fn command(document: &Document, problems: &mut Problems) {
    let Some(Value::List(words)) = document.written("service.command") else { return };
    if words.first().is_none_or(|word| word.text.trim().is_empty()) {
        let help = "the program and its arguments as separate strings, or \"auto\"";
        problems.error(codes::COMMAND, &document.span("service.command"), "`service.command` names no program", help);
    }
}

fn cluster(document: &Document, problems: &mut Problems) {
    let Some((cluster, span)) = document.word("service.cluster") else { return };
    let is_name =
        cluster.len() <= 255 && cluster.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !is_name {
        let help = "at most 255 letters, digits, dashes and underscores";
        problems.error(codes::CLUSTER, &span, format!("`{cluster}` is not a name for a cluster"), help);
    }
}

fn autoscaling(document: &Document, problems: &mut Problems) {
    let (min, max) = ("service.autoscaling.min", "service.autoscaling.max");
    let (Some(least), Some(most)) = (document.integer(min), document.integer(max)) else { return };
    if least > most {
        let message = format!("`{min}` ({least}) is above `{max}` ({most})");
        problems.error(codes::AUTOSCALING, &document.span(min), message, "exchange them");
    }
}
