//! SELECT, VALUES, set operations, WITH, and the clauses around them.

use sqlparser::ast::{
    Cte, Distinct, Expr, GroupByExpr, LimitClause, NamedWindowExpr, OrderBy, OrderByExpr,
    OrderByKind, OrderBySort, Query, Select, SelectFlavor, SelectItem, SetExpr, SetOperator,
    SetQuantifier, Values, With,
};

use super::{Walk, Walked, name_of};
use crate::{Kind, allow};

impl Walk<'_, '_> {
    pub(super) fn query(&mut self, query: &Query) -> Walked {
        let mark = self.scopes.mark();
        let walked = self.query_inside(query);
        self.scopes.leave(mark);
        walked
    }

    fn query_inside(&mut self, query: &Query) -> Walked {
        self.absent(query, query.for_clause.is_none(), "FOR XML or JSON")?;
        self.absent(query, query.settings.is_none(), "SETTINGS")?;
        self.absent(query, query.format_clause.is_none(), "FORMAT")?;
        self.absent(query, query.pipe_operators.is_empty(), "|>")?;
        if let Some(with) = &query.with {
            self.with(with)?;
        }
        // The aliases of the body stay in sight for ORDER BY and FOR UPDATE OF.
        self.body(&query.body)?;
        if let Some(order_by) = &query.order_by {
            self.order_by(order_by)?;
        }
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) => {
                self.absent(query, limit_by.is_empty(), "LIMIT BY")?;
                self.all(
                    limit
                        .iter()
                        .chain(offset.iter().map(|offset| &offset.value)),
                )?;
            }
            Some(LimitClause::OffsetCommaLimit { .. }) => {
                return self.refuse(
                    query,
                    "LIMIT a, b is not PostgreSQL",
                    "write LIMIT b OFFSET a",
                );
            }
        }
        if let Some(fetch) = &query.fetch {
            self.absent(query, !fetch.percent, "FETCH … PERCENT")?;
            self.all(&fetch.quantity)?;
        }
        for lock in &query.locks {
            self.kind = Kind::Write;
            if let Some(of) = &lock.of {
                let alias = self.single(of)?;
                self.alias_in_sight(alias)?;
            }
        }
        Ok(())
    }

    fn with(&mut self, with: &With) -> Walked {
        let mut names = Vec::new();
        for cte in &with.cte_tables {
            names.push(self.introduced(&cte.alias.name)?);
        }
        // With RECURSIVE every name is in sight of every sibling; otherwise only of later ones.
        if with.recursive {
            for name in &names {
                self.scopes.add_cte(name.clone());
            }
        }
        for (cte, name) in with.cte_tables.iter().zip(names) {
            self.cte(cte)?;
            if !with.recursive {
                self.scopes.add_cte(name);
            }
        }
        Ok(())
    }

    fn cte(&mut self, cte: &Cte) -> Walked {
        self.absent(&*cte.query, cte.from.is_none(), "WITH … FROM")?;
        self.alias_columns(&cte.alias)?;
        self.query(&cte.query)
    }

    fn body(&mut self, body: &SetExpr) -> Walked {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::Values(values) => self.values(values),
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => {
                match op {
                    SetOperator::Union | SetOperator::Except | SetOperator::Intersect => {}
                    SetOperator::Minus => {
                        return self.refuse(body, "MINUS is not PostgreSQL", "write EXCEPT");
                    }
                }
                match set_quantifier {
                    SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None => {}
                    SetQuantifier::ByName
                    | SetQuantifier::AllByName
                    | SetQuantifier::DistinctByName => {
                        return self.refuse(body, "BY NAME is not PostgreSQL", "remove it");
                    }
                }
                for side in [left, right] {
                    let mark = self.scopes.mark();
                    let walked = self.body(side);
                    self.scopes.leave(mark);
                    walked?;
                }
                Ok(())
            }
            SetExpr::Insert(tree)
            | SetExpr::Update(tree)
            | SetExpr::Delete(tree)
            | SetExpr::Merge(tree) => self.write(tree),
            SetExpr::Table(_) => Err(super::every_column(self.source.span_of(body))),
        }
    }

    pub(super) fn values(&mut self, values: &Values) -> Walked {
        if values.explicit_row || values.value_keyword {
            return self.refuse_whole("VALUES ROW is not PostgreSQL", "write VALUES (a, b)");
        }
        values
            .rows
            .iter()
            .try_for_each(|row| self.all(&row.content))
    }

    fn select(&mut self, select: &Select) -> Walked {
        self.absent(select, select.optimizer_hints.is_empty(), "a planner hint")?;
        self.absent(
            select,
            select.select_modifiers.is_none(),
            "a SELECT modifier",
        )?;
        self.absent(select, select.top.is_none(), "TOP")?;
        self.absent(select, select.exclude.is_none(), "EXCLUDE")?;
        if select.into.is_some() {
            return self.refuse(
                select,
                "SELECT INTO creates a table",
                "write INSERT … SELECT into a table of a migration",
            );
        }
        self.absent(select, select.lateral_views.is_empty(), "LATERAL VIEW")?;
        self.absent(select, select.prewhere.is_none(), "PREWHERE")?;
        self.absent(select, select.connect_by.is_empty(), "CONNECT BY")?;
        self.absent(select, select.cluster_by.is_empty(), "CLUSTER BY")?;
        self.absent(select, select.distribute_by.is_empty(), "DISTRIBUTE BY")?;
        self.absent(select, select.sort_by.is_empty(), "SORT BY")?;
        self.absent(select, select.qualify.is_none(), "QUALIFY")?;
        self.absent(select, select.value_table_mode.is_none(), "SELECT AS")?;
        match select.flavor {
            SelectFlavor::Standard => {}
            SelectFlavor::FromFirst | SelectFlavor::FromFirstNoSelect => {
                return self.refuse(
                    select,
                    "FROM before SELECT is not PostgreSQL",
                    "SELECT first",
                );
            }
        }
        self.tables(&select.from)?;
        match &select.distinct {
            None | Some(Distinct::All | Distinct::Distinct) => {}
            Some(Distinct::On(exprs)) => self.all(exprs)?,
        }
        self.items(&select.projection)?;
        self.all(select.selection.iter().chain(&select.having))?;
        match &select.group_by {
            GroupByExpr::Expressions(exprs, modifiers) => {
                self.absent(select, modifiers.is_empty(), "a GROUP BY modifier")?;
                self.all(exprs)?;
            }
            GroupByExpr::All(_) => {
                return self.refuse(select, "GROUP BY ALL is not PostgreSQL", "name the columns");
            }
        }
        for window in &select.named_window {
            self.introduced(&window.0)?;
            match &window.1 {
                NamedWindowExpr::NamedWindow(name) => {
                    self.source.name(name)?;
                }
                NamedWindowExpr::WindowSpec(spec) => self.window(spec)?,
            }
        }
        Ok(())
    }

    /// The columns of SELECT or RETURNING.
    pub(super) fn items(&mut self, items: &[SelectItem]) -> Walked {
        items.iter().try_for_each(|item| match item {
            SelectItem::UnnamedExpr(expr) => self.expr(expr),
            // The parser reads `inet 'x'` as a column and its alias, PostgreSQL as a cast.
            SelectItem::ExprWithAlias { expr, alias } if alias.quote_style == Some('\'') => {
                match expr {
                    Expr::Identifier(ident) if allow::type_name(&name_of(ident)) => Ok(()),
                    _ => self.refuse(
                        item,
                        format!("type {expr} is not one of PostgreSQL's own"),
                        "write a column's name in double quotes, after AS",
                    ),
                }
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.source.name(alias)?;
                self.expr(expr)
            }
            SelectItem::ExprWithAliases { .. } => {
                self.refuse(item, "a column has several names", "give it one")
            }
            SelectItem::Wildcard(_) if sabotaged!("statement.star") => Ok(()),
            SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => self.refuse(
                item,
                "* changes with every migration and breaks prepared statements",
                "name the columns",
            ),
        })
    }

    fn order_by(&mut self, order_by: &OrderBy) -> Walked {
        self.absent(order_by, order_by.interpolate.is_none(), "INTERPOLATE")?;
        match &order_by.kind {
            OrderByKind::Expressions(exprs) => self.order(exprs),
            OrderByKind::All(_) => self.refuse(
                order_by,
                "ORDER BY ALL is not PostgreSQL",
                "name the columns",
            ),
        }
    }

    pub(super) fn order(&mut self, exprs: &[OrderByExpr]) -> Walked {
        exprs.iter().try_for_each(|by| {
            self.absent(by, by.with_fill.is_none(), "WITH FILL")?;
            match by.options.sort {
                None | Some(OrderBySort::Asc | OrderBySort::Desc) => self.expr(&by.expr),
                Some(OrderBySort::Using(_)) => {
                    self.refuse(by, "ORDER BY … USING is not read", "write ASC or DESC")
                }
            }
        })
    }
}
