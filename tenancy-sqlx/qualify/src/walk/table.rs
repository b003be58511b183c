//! What stands in FROM.

use sqlparser::ast::{
    FunctionArg, Join, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableSample,
    TableSampleKind, TableSampleMethod, TableSampleModifier, TableSampleSeedModifier,
    TableWithJoins,
};

use super::scope::Alias;
use super::{Walk, Walked, name_of};
use crate::names::CATALOG;
use crate::side::Use;
use crate::{Refusal, allow};

impl Walk<'_, '_> {
    /// Aliases come into sight for the rest of the query; LATERAL and join conditions see them.
    pub(super) fn tables(&mut self, tables: &[TableWithJoins]) -> Walked {
        tables.iter().try_for_each(|table| self.joined(table))
    }

    fn joined(&mut self, table: &TableWithJoins) -> Walked {
        self.factor(&table.relation)?;
        table.joins.iter().try_for_each(|join| self.join(join))
    }

    fn join(&mut self, join: &Join) -> Walked {
        self.absent(join, !join.global, "GLOBAL JOIN")?;
        self.factor(&join.relation)?;
        let constraint = match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::CrossJoin(constraint) => constraint,
            JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::RightAnti(_)
            | JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::AsOf { .. }
            | JoinOperator::StraightJoin(_)
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => {
                return self.refuse(join, "this join is not PostgreSQL", "write JOIN … ON");
            }
        };
        match constraint {
            JoinConstraint::On(expr) => self.expr(expr),
            JoinConstraint::Using(columns) => columns
                .iter()
                .try_for_each(|column| self.single(column).map(drop)),
            JoinConstraint::Natural => self.refuse(
                join,
                "NATURAL JOIN changes with every migration",
                "write USING with the columns",
            ),
            JoinConstraint::None => Ok(()),
        }
    }

    pub(super) fn factor(&mut self, factor: &TableFactor) -> Walked {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                self.absent(factor, with_hints.is_empty(), "WITH (hint)")?;
                self.absent(factor, version.is_none(), "a table version")?;
                self.absent(factor, partitions.is_empty(), "PARTITION")?;
                self.absent(factor, json_path.is_none(), "a JSON path")?;
                self.absent(factor, index_hints.is_empty(), "an index hint")?;
                if let Some(args) = args {
                    self.absent(factor, args.settings.is_none(), "SETTINGS")?;
                    self.absent(factor, sample.is_none(), "TABLESAMPLE of a function")?;
                    // The visitor reports the function's name as a relation.
                    let first = self.idents(name)?.first().copied();
                    let called = self.function_in_from(name, &args.args)?;
                    if let Some(first) = first {
                        let start = self.source.name(first)?.start;
                        self.handled.insert(start);
                    }
                    return self.function_alias(factor, &called, alias.as_ref());
                }
                self.absent(factor, !with_ordinality, "WITH ORDINALITY of a table")?;
                let table = self.relation(name, Use::Read)?;
                match sample {
                    None => {}
                    Some(
                        TableSampleKind::BeforeTableAlias(sample)
                        | TableSampleKind::AfterTableAlias(sample),
                    ) => self.sample(factor, sample)?,
                }
                self.rows_alias(Some(table), alias.as_ref())
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                sample,
            } => {
                self.absent(factor, sample.is_none(), "TABLESAMPLE of a query")?;
                // Without LATERAL its siblings are out of sight, and PostgreSQL says so itself.
                let _ = lateral;
                self.query(subquery)?;
                self.rows_alias(None, alias.as_ref())
            }
            TableFactor::Function {
                lateral: _,
                name,
                args,
                with_ordinality: _,
                alias,
            } => {
                let called = self.function_in_from(name, args)?;
                self.function_alias(factor, &called, alias.as_ref())
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset,
                with_offset_alias,
                with_ordinality: _,
            } => {
                let offset = !*with_offset && with_offset_alias.is_none();
                self.absent(factor, offset, "WITH OFFSET")?;
                self.all(array_exprs)?;
                self.function_alias(factor, "unnest", alias.as_ref())
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                let mark = self.scopes.mark();
                self.joined(table_with_joins)?;
                if alias.is_some() {
                    self.scopes.hide(mark);
                }
                self.rows_alias(None, alias.as_ref())
            }
            TableFactor::TableFunction { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::UnpivotExpr { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::XmlTable { .. }
            | TableFactor::SemanticView { .. } => self.refuse(
                factor,
                "this form of FROM is not read",
                "write a table, a subquery or a function",
            ),
        }
    }

    fn function_in_from(
        &mut self,
        name: &sqlparser::ast::ObjectName,
        args: &[FunctionArg],
    ) -> Result<String, Refusal> {
        let called = self.function_name(name)?;
        self.arguments(&called, args)?;
        // A function of the tenant's may bear the name of one of PostgreSQL's.
        let own =
            matches!(self.idents(name)?.as_slice(), [schema, _] if name_of(schema) != CATALOG);
        Ok(if own { String::new() } else { called })
    }

    fn rows_alias(&mut self, table: Option<String>, alias: Option<&TableAlias>) -> Walked {
        let name = match alias {
            None => table,
            Some(alias) => {
                self.alias_columns(alias)?;
                Some(self.introduced(&alias.name)?)
            }
        };
        if let Some(name) = name {
            self.scopes.add_alias(Alias::Rows(name));
        }
        Ok(())
    }

    fn function_alias(
        &mut self,
        factor: &TableFactor,
        called: &str,
        alias: Option<&TableAlias>,
    ) -> Walked {
        // PostgreSQL's own name for it may be another: trim('x') is called btrim.
        let Some(alias) = alias else {
            return self.refuse(
                factor,
                "a function in FROM has no alias",
                "write AS with an alias after it",
            );
        };
        self.alias_columns(alias)?;
        let name = self.introduced(&alias.name)?;
        let mut columns: Vec<_> = alias
            .columns
            .iter()
            .map(|column| name_of(&column.name))
            .collect();
        if columns.is_empty() && allow::column_is_called_as_the_alias(called) {
            columns = vec![name.clone()];
        }
        self.scopes.add_alias(Alias::Function(name, columns));
        Ok(())
    }

    pub(super) fn alias_columns(&self, alias: &TableAlias) -> Walked {
        self.absent(alias, alias.at.is_none(), "AT")?;
        alias.columns.iter().try_for_each(|column| {
            self.source.name(&column.name)?;
            match &column.data_type {
                None => Ok(()),
                Some(data_type) => self.data_type(data_type, alias),
            }
        })
    }

    fn sample(&mut self, factor: &TableFactor, sample: &TableSample) -> Walked {
        match sample.modifier {
            TableSampleModifier::TableSample => {}
            TableSampleModifier::Sample => self.absent(factor, false, "SAMPLE")?,
        }
        match &sample.name {
            Some(TableSampleMethod::Bernoulli | TableSampleMethod::System) => {}
            Some(TableSampleMethod::Row | TableSampleMethod::Block) | None => {
                self.absent(factor, false, "this sampling method")?;
            }
        }
        self.absent(factor, sample.bucket.is_none(), "BUCKET")?;
        self.absent(factor, sample.offset.is_none(), "OFFSET of a sample")?;
        if let Some(quantity) = &sample.quantity {
            self.absent(factor, quantity.unit.is_none(), "a unit of a sample")?;
            self.expr(&quantity.value)?;
        }
        match &sample.seed {
            None => Ok(()),
            Some(seed) => match seed.modifier {
                TableSampleSeedModifier::Repeatable => self.value(&seed.value),
                TableSampleSeedModifier::Seed => self.absent(factor, false, "SEED"),
            },
        }
    }
}
