//! Reads a Dockerfile into its stages, and a dockerignore file into an answer.

/// One `FROM` and what follows it.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) image: String,
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// One instruction, with its lines joined.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) word: String,
    /// What starts with `--`.
    pub(crate) flags: Vec<String>,
    pub(crate) rest: String,
}

impl Stage {
    /// What follows `word`, in order.
    pub(crate) fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a Step> {
        self.steps.iter().filter(move |step| step.word == word)
    }

    /// What follows the last `word`, which is the one that counts.
    pub(crate) fn last(&self, word: &str) -> Option<&str> {
        let step = self.steps.iter().rfind(|step| step.word == word)?;
        Some(&step.rest)
    }
}

impl Step {
    pub(crate) fn words(&self) -> Vec<&str> {
        self.rest.split_whitespace().collect()
    }
}

/// The stages of a Dockerfile.
pub(crate) fn stages(text: &str) -> Vec<Stage> {
    let lines = text.lines().map(str::trim);
    let joined = lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            line.strip_suffix('\\')
                .map_or_else(|| format!("{line}\n"), str::to_owned)
        })
        .collect::<String>();
    let mut stages: Vec<Stage> = Vec::new();
    for line in joined.lines().filter(|line| !line.trim().is_empty()) {
        let (word, rest) = line.split_once(' ').expect("an instruction says something");
        if word == "FROM" {
            let words: Vec<&str> = rest.split_whitespace().collect();
            stages.push(Stage {
                image: words[0].to_owned(),
                name: words.get(2).copied().unwrap_or_default().to_owned(),
                steps: Vec::new(),
            });
            continue;
        }
        let is_flag = |word: &&str| word.starts_with("--");
        let flags: Vec<String> = rest
            .split_whitespace()
            .take_while(is_flag)
            .map(str::to_owned)
            .collect();
        let rest: Vec<&str> = rest.split_whitespace().skip_while(is_flag).collect();
        let stage = stages.last_mut().expect("a Dockerfile starts with FROM");
        stage.steps.push(Step {
            word: word.to_owned(),
            flags,
            rest: rest.join(" "),
        });
    }
    stages
}

/// Whether the builder does not see `path`: the last line that fits it decides.
pub(crate) fn ignored(rules: &str, path: &str) -> bool {
    let mut ignored = false;
    let rules = rules.lines().map(str::trim);
    for rule in rules.filter(|rule| !rule.is_empty() && !rule.starts_with('#')) {
        let (pattern, verdict) = match rule.strip_prefix('!') {
            Some(pattern) => (pattern, false),
            None => (rule, true),
        };
        let pattern: Vec<&str> = pattern.split('/').collect();
        let path: Vec<&str> = path.split('/').collect();
        // What lies in a folder that fits goes with it.
        if (1..=path.len()).any(|end| fits(&pattern, &path[..end])) {
            ignored = verdict;
        }
    }
    ignored
}

fn fits(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|skipped| fits(rest, &path[skipped..])),
        ([first, rest @ ..], [name, below @ ..]) => part_fits(first, name) && fits(rest, below),
        _ => false,
    }
}

fn part_fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => {
            assert!(!tail.contains('*'), "this reader knows one * in a name");
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
    }
}

#[test]
fn what_the_builder_does_not_see_is_known() {
    let rules = "# Note\n.env\n.env.*\n!.env.example\n**/target\n**/*.log\n";
    for path in [".env", ".env.local", "target/x", "a/target", "a/b/c.log"] {
        assert!(ignored(rules, path), "{path}");
    }
    for path in [".env.example", "a/.env", "targets", "src/main.rs"] {
        assert!(!ignored(rules, path), "{path}");
    }
}
