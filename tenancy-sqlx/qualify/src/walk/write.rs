//! INSERT, UPDATE, DELETE and MERGE, alone or inside WITH.

use sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Delete, FromTable, Insert, Merge, MergeAction,
    MergeClauseKind, MergeInsertKind, MergeUpdateKind, ObjectName, OnConflictAction, OnInsert,
    OutputClause, Statement as Tree, TableFactor, TableObject, Update, UpdateTableFromKind,
};

use super::scope::Alias;
use super::{Walk, Walked};
use crate::Kind;
use crate::side::Use;

impl Walk<'_, '_> {
    pub(super) fn write(&mut self, tree: &Tree) -> Walked {
        self.kind = Kind::Write;
        let mark = self.scopes.mark();
        let walked = match tree {
            Tree::Insert(insert) => self.insert(insert),
            Tree::Update(update) => self.update(update),
            Tree::Delete(delete) => self.delete(delete),
            Tree::Merge(merge) => self.merge(merge),
            _ => self.refuse_whole("this statement may not stand here", "send it on its own"),
        };
        self.scopes.leave(mark);
        walked
    }

    fn insert(&mut self, insert: &Insert) -> Walked {
        let plain = insert.optimizer_hints.is_empty()
            && insert.or.is_none()
            && !insert.ignore
            && insert.into
            && !insert.overwrite
            && insert.assignments.is_empty()
            && insert.partitioned.is_none()
            && insert.after_columns.is_empty()
            && !insert.has_table_keyword
            && insert.output.is_none()
            && !insert.replace_into
            && insert.priority.is_none()
            && insert.insert_alias.is_none()
            && insert.settings.is_none()
            && insert.format_clause.is_none()
            && insert.multi_table_insert_type.is_none()
            && insert.multi_table_into_clauses.is_empty()
            && insert.multi_table_when_clauses.is_empty()
            && insert.multi_table_else_clause.is_none();
        self.absent(insert, plain, "this form of INSERT")?;
        let name = match &insert.table {
            TableObject::TableName(name) => name,
            TableObject::TableFunction(_) | TableObject::TableQuery(_) => {
                return self.refuse(insert, "INSERT needs a table", "name a table of the tenant");
            }
        };
        // The source does not see the target, so it is walked before the target is in sight.
        let table = self.relation(name, Use::Target)?;
        if let Some(source) = &insert.source {
            if insert.columns.is_empty() {
                return self.refuse(
                    name,
                    "INSERT without columns breaks when a column is added",
                    "list the columns after the table",
                );
            }
            self.query(source)?;
        }
        self.columns(&insert.columns)?;
        let alias = match &insert.table_alias {
            None => table,
            Some(alias) => self.introduced(&alias.alias)?,
        };
        self.scopes.add_alias(Alias::Rows(alias));
        match &insert.on {
            None => {}
            Some(OnInsert::OnConflict(conflict)) => {
                match &conflict.conflict_target {
                    None => {}
                    Some(ConflictTarget::Columns(columns)) => {
                        for column in columns {
                            self.source.name(column)?;
                        }
                    }
                    Some(ConflictTarget::OnConstraint(name)) => {
                        self.single(name)?;
                    }
                }
                match &conflict.action {
                    OnConflictAction::DoNothing => {}
                    OnConflictAction::DoUpdate(update) => {
                        let mark = self.scopes.mark();
                        self.scopes.add_alias(Alias::Rows("excluded".to_owned()));
                        self.assignments(&update.assignments)?;
                        self.all(&update.selection)?;
                        self.scopes.leave(mark);
                    }
                }
            }
            Some(_) => {
                return self.refuse(
                    insert,
                    "ON DUPLICATE KEY is not PostgreSQL",
                    "write ON CONFLICT (…) DO UPDATE SET …",
                );
            }
        }
        self.items(insert.returning.as_deref().unwrap_or_default())
    }

    fn update(&mut self, update: &Update) -> Walked {
        let plain = update.optimizer_hints.is_empty()
            && update.output.is_none()
            && update.or.is_none()
            && update.order_by.is_empty()
            && update.limit.is_none();
        self.absent(update, plain, "this form of UPDATE")?;
        self.absent(update, update.table.joins.is_empty(), "UPDATE of a join")?;
        self.target(&update.table.relation)?;
        match &update.from {
            None => {}
            Some(UpdateTableFromKind::AfterSet(tables)) => self.tables(tables)?,
            Some(UpdateTableFromKind::BeforeSet(_)) => {
                return self.refuse(update, "FROM stands before SET", "write SET … FROM …");
            }
        }
        self.assignments(&update.assignments)?;
        self.all(&update.selection)?;
        self.items(update.returning.as_deref().unwrap_or_default())
    }

    fn delete(&mut self, delete: &Delete) -> Walked {
        let plain = delete.optimizer_hints.is_empty()
            && delete.tables.is_empty()
            && delete.output.is_none()
            && delete.order_by.is_empty()
            && delete.limit.is_none();
        self.absent(delete, plain, "this form of DELETE")?;
        let from = match &delete.from {
            FromTable::WithFromKeyword(from) => from,
            FromTable::WithoutKeyword(from) => {
                self.absent(delete, false, "DELETE without FROM")?;
                from
            }
        };
        match from.as_slice() {
            [table] if table.joins.is_empty() => self.target(&table.relation)?,
            _ => {
                return self.refuse(
                    delete,
                    "DELETE names several tables",
                    "join them with USING",
                );
            }
        }
        if let Some(using) = &delete.using {
            self.tables(using)?;
        }
        self.all(&delete.selection)?;
        self.items(delete.returning.as_deref().unwrap_or_default())
    }

    fn merge(&mut self, merge: &Merge) -> Walked {
        self.absent(merge, merge.optimizer_hints.is_empty(), "a planner hint")?;
        self.absent(merge, merge.into, "MERGE without INTO")?;
        self.target(&merge.table)?;
        self.factor(&merge.source)?;
        self.expr(&merge.on)?;
        for clause in &merge.clauses {
            match clause.clause_kind {
                MergeClauseKind::Matched
                | MergeClauseKind::NotMatched
                | MergeClauseKind::NotMatchedByTarget
                | MergeClauseKind::NotMatchedBySource => {}
            }
            self.all(&clause.predicate)?;
            match &clause.action {
                MergeAction::Insert(insert) => {
                    let plain = insert.insert_predicate.is_none();
                    self.absent(clause, plain, "INSERT … WHERE inside MERGE")?;
                    self.columns(&insert.columns)?;
                    match &insert.kind {
                        MergeInsertKind::Values(_) if insert.columns.is_empty() => {
                            return self.refuse(
                                clause,
                                "INSERT without columns breaks when a column is added",
                                "list the columns after INSERT",
                            );
                        }
                        MergeInsertKind::Values(values) => self.values(values)?,
                        MergeInsertKind::Row | MergeInsertKind::Wildcard => {
                            return self.refuse(
                                clause,
                                "INSERT ROW is not PostgreSQL",
                                "write INSERT (…) VALUES (…)",
                            );
                        }
                    }
                }
                MergeAction::Update(update) => {
                    let plain =
                        update.update_predicate.is_none() && update.delete_predicate.is_none();
                    self.absent(clause, plain, "UPDATE … WHERE inside MERGE")?;
                    match &update.kind {
                        MergeUpdateKind::Set(assignments) => self.assignments(assignments)?,
                        MergeUpdateKind::Wildcard => {
                            self.absent(clause, false, "UPDATE SET * inside MERGE")?;
                        }
                    }
                }
                MergeAction::Delete { .. } | MergeAction::DoNothing { .. } => {}
            }
        }
        match &merge.output {
            None => Ok(()),
            Some(OutputClause::Returning { select_items, .. }) => self.items(select_items),
            Some(OutputClause::Output { .. }) => self.absent(merge, false, "OUTPUT"),
        }
    }

    /// The table that is written to.
    fn target(&mut self, factor: &TableFactor) -> Walked {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = factor
        else {
            return self.refuse(factor, "only a table can be changed", "name a table");
        };
        let plain = with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty();
        self.absent(factor, plain, "a table hint")?;
        let table = self.relation(name, Use::Target)?;
        let alias = match alias {
            None => table,
            Some(alias) => {
                self.absent(
                    factor,
                    alias.columns.is_empty(),
                    "a column list of the target",
                )?;
                self.introduced(&alias.name)?
            }
        };
        self.scopes.add_alias(Alias::Rows(alias));
        Ok(())
    }

    fn assignments(&mut self, assignments: &[Assignment]) -> Walked {
        assignments.iter().try_for_each(|assignment| {
            match &assignment.target {
                AssignmentTarget::ColumnName(name) => self.columns(std::slice::from_ref(name))?,
                AssignmentTarget::Tuple(names) => self.columns(names)?,
            }
            self.expr(&assignment.value)
        })
    }

    fn columns(&self, names: &[ObjectName]) -> Walked {
        names.iter().try_for_each(|name| {
            let ident = self.single(name)?;
            self.introduced(ident).map(drop)
        })
    }
}
