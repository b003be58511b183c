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

    /// Every alias of this name, the innermost first.
    ///
    /// Which of them PostgreSQL means is not decided here: it hides the siblings of a query
    /// without LATERAL, and the tables inside a join that has an alias.
    pub(super) fn aliases<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Alias> {
        self.aliases
            .iter()
            .rev()
            .filter(move |alias| alias.name() == name)
    }

    /// Forgets the aliases since the mark, which an alias of their join hides.
    pub(super) fn hide(&mut self, mark: Mark) {
        self.aliases.truncate(mark.aliases);
    }
}
