//! What `docker compose up` starts.

use std::os::unix::fs::PermissionsExt as _;

use crate::yaml::Yaml;
use crate::{dockerfile, is_pinned, read, root, setting, settings};

const APP: &str = "compose.yaml";
const TESTS: &str = "scripts/lib/services.compose.yaml";

fn services(file: &str) -> Vec<(String, Yaml)> {
    let compose = Yaml::parse(&read(file));
    let services = compose.get("services").unwrap().map().to_vec();
    assert!(services.len() > 2, "{file}: found only {services:?}");
    services
}

fn service(name: &str) -> Yaml {
    let services = services(APP);
    let found = services.into_iter().find(|(found, _)| found == name);
    found
        .unwrap_or_else(|| panic!("{APP}: no service {name}"))
        .1
}

/// The names in `${NAME:-default}` with their defaults; one without is refused.
fn substitutions(text: &str) -> Vec<(String, String)> {
    let inside = text.split("${").skip(1);
    inside
        .map(|rest| {
            let (inside, _) = rest.split_once('}').expect("closed");
            let (name, default) = inside
                .split_once(":-")
                .unwrap_or_else(|| panic!("{APP}: ${{{inside}}} has no default"));
            (name.to_owned(), default.to_owned())
        })
        .collect()
}

/// What `text` is where nothing is set.
fn with_defaults(text: &str) -> String {
    substitutions(text)
        .iter()
        .fold(text.to_owned(), |text, (name, default)| {
            text.replace(&format!("${{{name}:-{default}}}"), default)
        })
}

#[test]
fn the_services_have_the_names_that_people_type() {
    let names: Vec<String> = services(APP).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["postgres", "redis", "elasticsearch", "backend"]);
}

#[test]
fn every_service_has_a_pinned_image_and_a_health_check() {
    for file in [APP, TESTS] {
        for (name, service) in services(file) {
            match (service.get("image"), service.get("build")) {
                (Some(image), None) => {
                    assert!(is_pinned(image.text()), "{file}: pin the image of {name}");
                }
                (None, Some(build)) => {
                    let path = build.get("dockerfile").unwrap().text();
                    assert_eq!(build.get("context").unwrap().text(), ".", "{file}: {name}");
                    assert!(root().join(path).is_file(), "{file}: {path} is missing");
                }
                _ => panic!("{file}: {name} needs an image or a build"),
            }
            let check = service.get("healthcheck");
            let check = check.unwrap_or_else(|| panic!("{file}: {name} has no health check"));
            let test = check.get("test").unwrap().texts();
            assert!(
                matches!(test[0], "CMD" | "CMD-SHELL") && test.len() > 1,
                "{file}: the health check of {name} runs nothing: {test:?}"
            );
            for key in ["interval", "retries"] {
                assert!(check.get(key).is_some(), "{file}: {name} has no {key}");
            }
        }
    }
}

#[test]
fn the_app_waits_until_every_other_service_is_healthy() {
    let backend = service("backend");
    let waits = backend.get("depends_on").unwrap();
    for (name, _) in services(APP).iter().filter(|(name, _)| name != "backend") {
        let condition = waits.get(name).and_then(|wait| wait.get("condition"));
        let condition = condition.map(Yaml::text);
        assert_eq!(condition, Some("service_healthy"), "{APP}: {name}");
    }
}

#[test]
fn every_name_in_an_environment_is_a_setting_that_the_example_lists() {
    let text = read(".env.example");
    let known = |name: &str| {
        text.split(|c: char| !c.is_ascii_uppercase() && c != '_')
            .any(|word| word == name)
    };
    for (name, value) in service("backend").get("environment").unwrap().map() {
        assert!(
            settings().iter().any(|(setting, _)| setting == name),
            "{APP}: {name} is no setting"
        );
        // An empty value counts as none; any other must not be a line of the example's prose.
        assert!(!value.text().contains(' '), "{APP}: {name} has blanks");
    }
    for (name, _) in substitutions(&read(APP).replace("${…}", "")) {
        assert!(known(&name), ".env.example: {name} of {APP} is missing");
    }
}

#[test]
fn defaults_of_the_file_are_those_of_the_settings() {
    for (name, value) in service("backend").get("environment").unwrap().map() {
        if let [(read, default)] = substitutions(value.text()).as_slice()
            && read == name
        {
            assert_eq!(*default, setting(name), "{APP}: the default of {name}");
        }
    }
    for (_, service) in services(APP) {
        for port in service.get("ports").unwrap().texts() {
            for (name, default) in substitutions(port) {
                if name != "REDIS_PORT" {
                    assert_eq!(default, setting(&name), "{APP}: the default of {name}");
                }
            }
        }
    }
}

#[test]
fn the_app_finds_the_services_and_they_are_published_on_loopback_alone() {
    let published = |name: &str| {
        let service = service(name);
        let ports = service.get("ports").unwrap().texts().join(" ");
        let ports = with_defaults(&ports);
        let [address, outside, inside]: [&str; 3] =
            ports.split(':').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(address, "127.0.0.1", "{APP}: {name} is open to the network");
        assert_eq!(outside, inside, "{APP}: {name} has another port by default");
        inside.to_owned()
    };
    let backend = service("backend");
    let environment = backend.get("environment").unwrap();
    for (setting, name) in [
        ("DATABASE_URL", "postgres"),
        ("DATABASE_DIRECT_URL", "postgres"),
        ("REDIS_URL", "redis"),
        ("ELASTICSEARCH_URL", "elasticsearch"),
    ] {
        let url = with_defaults(environment.get(setting).unwrap().text());
        let server = url.split("://").nth(1).unwrap();
        let server = server
            .rsplit('@')
            .next()
            .unwrap()
            .split('/')
            .next()
            .unwrap();
        assert_eq!(
            server,
            format!("{name}:{}", published(name)),
            "{APP}: {setting}"
        );
    }
    let default = setting("LISTEN");
    let listens = default.rsplit(':').next().unwrap();
    assert_eq!(published("backend"), listens, "{APP}: the app's port");
    let check = service("backend").get("healthcheck").unwrap().clone();
    let check = check.get("test").unwrap().texts().join(" ");
    assert!(
        check.contains(&format!("/dev/tcp/127.0.0.1/{listens} ")),
        "{check}"
    );
}

#[test]
fn what_is_mounted_exists_and_what_is_kept_has_a_name() {
    let compose = Yaml::parse(&read(APP));
    let kept = compose.get("volumes").unwrap();
    let rules = read("examples/saas/Dockerfile.dockerignore");
    assert!(!dockerfile::ignored(
        &rules,
        "examples/saas/postgres-init.sh"
    ));
    let mut mounted = 0;
    for (name, service) in services(APP) {
        let Some(volumes) = service.get("volumes") else {
            continue;
        };
        for volume in volumes.texts() {
            let (source, target) = volume.split_once(':').unwrap();
            if let Some(path) = source.strip_prefix("./") {
                let file = root().join(path);
                let mode = file
                    .metadata()
                    .map(|m| m.permissions().mode())
                    .unwrap_or_default();
                assert!(mode & 0o111 != 0, "{APP}: {path} is no program");
                assert!(target.ends_with(":ro"), "{APP}: {path} can be written to");
            } else {
                assert!(
                    kept.get(source).is_some(),
                    "{APP}: {source} of {name} is not declared"
                );
            }
            mounted += 1;
        }
    }
    assert_eq!(mounted, 3);
}

#[test]
fn the_search_engine_has_a_limit_above_its_heap() {
    let service = service("elasticsearch");
    let options = service
        .get("environment")
        .unwrap()
        .get("ES_JAVA_OPTS")
        .unwrap();
    let heap = options.text().split("-Xmx").nth(1).unwrap();
    let limit = megabytes(service.get("mem_limit").expect("a memory limit").text());
    assert!(
        limit >= 2 * megabytes(heap),
        "{APP}: the limit leaves too little beside the heap"
    );
}

fn megabytes(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let factor = match unit {
        "m" => 1,
        "g" => 1024,
        _ => panic!("{text} is no size"),
    };
    number.parse::<u64>().unwrap() * factor
}

#[test]
fn requests_run_as_a_login_that_is_neither_superuser_nor_owner() {
    let backend = service("backend");
    let environment = backend.get("environment").unwrap();
    let login = |name: &str| {
        let url = with_defaults(environment.get(name).unwrap().text());
        let user = url.split("://").nth(1).unwrap().split(':').next().unwrap();
        user.to_owned()
    };
    let script = read("examples/saas/postgres-init.sh");
    let (app, owner) = (login("DATABASE_URL"), login("DATABASE_DIRECT_URL"));
    assert_ne!(app, owner);
    for login in [app, owner] {
        assert!(
            script.contains(&format!("CREATE ROLE {login} LOGIN")),
            "{login}"
        );
    }
}

#[test]
fn no_file_holds_a_key() {
    let backend = service("backend");
    let environment = backend.get("environment").unwrap();
    let key = environment.get("SECRET_KEY").unwrap().text();
    assert_eq!(key, "${SECRET_KEY:-}", "{APP}: the key is the user's");
}
