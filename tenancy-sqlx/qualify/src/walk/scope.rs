//! Which names a place of the statement can see.

/// What an alias stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alias {
    /// A table, a CTE, a subquery or a join: its row is composite.
    Rows(String),
    /// A function in FROM with the names of its columns: its row may be a plain value.
    Function(String, Vec<String>),
}

impl Alias {
    fn name(&self) -> &str {
        match self {
            Self::Rows(name) | Self::Function(name, _) => name,
        }
    }
}

/// CTEs and aliases, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    ctes: Vec<String>,
    aliases: Vec<Alias>,
}

/// How much was visible when a query began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    ctes: usize,
    aliases: usize,
}

impl Scopes {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            ctes: self.ctes.len(),
            aliases: self.aliases.len(),
        }
    }

    /// Forgets what came into sight since the mark.
    pub(super) fn leave(&mut self, mark: Mark) {
        self.ctes.truncate(mark.ctes);
        self.aliases.truncate(mark.aliases);
    }

    pub(super) fn add_cte(&mut self, name: String) {
        self.ctes.push(name);
    }

    pub(super) fn is_cte(&self, name: &str) -> bool {
        self.ctes.iter().any(|cte| cte == name)
    }

    pub(super) fn add_alias(&mut self, alias: Alias) {
        self.aliases.push(alias);
    }

    pub(super) fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases.iter().rev().find(|alias| alias.name() == name)
    }
}
