//! Text search configurations and dictionaries, which functions take by name in a string.

/// What a function's first argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dictionary {
    /// One of PostgreSQL's own configurations, in a plain string.
    Configuration,
    /// The same, or a value whose type is known and which is the document.
    ConfigurationOrDocument,
    /// The dictionary of extension unaccent.
    Unaccent,
}

const CONFIGURATION_HELP: &str =
    "write one of PostgreSQL's own as a plain string, such as 'english' or 'simple'";
const UNACCENT_HELP: &str = "leave it out, or write 'extensions.unaccent' as a plain string";

/// What the first of so many arguments of a function is, when it names an object.
pub(crate) fn dictionary(function: &str, arguments: usize) -> Option<Dictionary> {
    match (function, arguments) {
        ("json_to_tsvector" | "jsonb_to_tsvector", 3..) | ("ts_headline", 4..) => {
            Some(Dictionary::Configuration)
        }
        ("ts_headline", 3) => Some(Dictionary::ConfigurationOrDocument),
        (
            "phraseto_tsquery"
            | "plainto_tsquery"
            | "to_tsquery"
            | "to_tsvector"
            | "websearch_to_tsquery",
            2..,
        ) => Some(Dictionary::Configuration),
        ("unaccent", 2..) => Some(Dictionary::Unaccent),
        _ => None,
    }
}

impl Dictionary {
    /// Whether the argument may stand there: the inside of a plain string, if it is one, and
    /// whether PostgreSQL has to guess its type, as of a string or a parameter.
    pub(crate) fn accepts(self, plain: Option<&str>, is_untyped: bool) -> bool {
        let own = |name: &str| {
            let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
            CONFIGURATIONS.binary_search(&name).is_ok()
        };
        match (self, plain) {
            (Self::Configuration | Self::ConfigurationOrDocument, Some(name)) => own(name),
            (Self::ConfigurationOrDocument, None) => !is_untyped,
            // Without its schema it would not be found.
            (Self::Unaccent, Some(name)) => name == "extensions.unaccent",
            (Self::Configuration | Self::Unaccent, None) => false,
        }
    }

    /// What to write instead of a refused name.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Configuration | Self::ConfigurationOrDocument => CONFIGURATION_HELP,
            Self::Unaccent => UNACCENT_HELP,
        }
    }

    /// Why an argument was not accepted.
    pub(crate) fn reason(self, function: &str) -> String {
        let what = match self {
            Self::Configuration | Self::ConfigurationOrDocument => "configuration",
            Self::Unaccent => "dictionary",
        };
        format!("the {what} of {function} may be of any schema")
    }
}

/// The configurations that PostgreSQL brings.
pub(super) const CONFIGURATIONS: &[&str] = &[
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "simple",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
];
