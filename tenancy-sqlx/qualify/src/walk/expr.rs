//! Expressions.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CeilFloorKind, DataType, Expr, ExtractSyntax, FunctionArguments,
    Ident, ObjectName, ObjectNamePart, Subscript, UnaryOperator, Value, ValueWithSpan,
    WindowFrameBound, WindowSpec,
};

use super::scope::Alias;
use super::{Walk, Walked, name_of};
use crate::names::{CATALOG, EXTENSIONS, is_reserved};
use crate::{Refusal, allow};

impl Walk<'_, '_> {
    pub(super) fn all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Walked {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Walked {
        match expr {
            Expr::Identifier(ident) => self.bare_column(ident),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [alias, column] => self.column_of(alias, column),
                _ => self.refuse(
                    expr,
                    format!("{expr} names a schema before its table"),
                    "give the table an alias and write alias.column",
                ),
            },
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::IsJson { expr: inner, .. }
            | Expr::IsNormalized { expr: inner, .. }
            | Expr::Nested(inner) => self.expr(inner),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.plain_types([&**left, &**right])?;
                self.all([&**left, &**right])
            }
            Expr::AtTimeZone {
                timestamp: left,
                time_zone: right,
            }
            | Expr::Position {
                expr: left,
                r#in: right,
            } => self.all([&**left, &**right]),
            Expr::InList { expr, list, .. } => {
                self.plain_types([&**expr].into_iter().chain(list))?;
                self.all([&**expr].into_iter().chain(list))
            }
            Expr::InSubquery { expr, subquery, .. } => {
                self.plain_types([&**expr])?;
                self.expr(expr)?;
                self.query(subquery)
            }
            Expr::Between {
                expr, low, high, ..
            } => {
                self.plain_types([&**expr, &**low, &**high])?;
                self.all([&**expr, &**low, &**high])
            }
            Expr::BinaryOp { left, op, right } => {
                self.operator(expr, op)?;
                if !matches!(
                    op,
                    BinaryOperator::And
                        | BinaryOperator::Or
                        | BinaryOperator::PGCustomBinaryOperator(_)
                ) {
                    self.plain_types([&**left, &**right])?;
                }
                self.all([&**left, &**right])
            }
            Expr::AnyOp {
                left,
                compare_op,
                right,
                ..
            }
            | Expr::AllOp {
                left,
                compare_op,
                right,
            } => {
                self.operator(expr, compare_op)?;
                if !matches!(compare_op, BinaryOperator::PGCustomBinaryOperator(_)) {
                    self.plain_types([&**left, &**right])?;
                }
                self.all([&**left, &**right])
            }
            Expr::Like {
                any,
                expr: inner,
                pattern,
                escape_char,
                ..
            }
            | Expr::ILike {
                any,
                expr: inner,
                pattern,
                escape_char,
                ..
            } => {
                let lists = *any && matches!(**pattern, Expr::Tuple(_));
                self.absent(expr, !lists, "LIKE ANY without an array")?;
                self.plain_types([&**inner, &**pattern])?;
                self.all(
                    [&**inner, &**pattern]
                        .into_iter()
                        .chain(escape_char.as_deref()),
                )
            }
            Expr::SimilarTo {
                expr,
                pattern,
                escape_char,
                ..
            } => self.all(
                [&**expr, &**pattern]
                    .into_iter()
                    .chain(escape_char.as_deref()),
            ),
            Expr::UnaryOp { op, expr: inner } => {
                self.absent(expr, !matches!(op, UnaryOperator::BangNot), "!")?;
                self.expr(inner)
            }
            Expr::Cast {
                kind: _,
                expr: inner,
                data_type,
                format,
            } => {
                self.absent(expr, format.is_none(), "CAST … FORMAT")?;
                self.expr(inner)?;
                self.data_type(data_type, expr)
            }
            Expr::Extract {
                field: _,
                syntax,
                expr: inner,
            } => match syntax {
                ExtractSyntax::From => self.expr(inner),
                ExtractSyntax::Comma => self.absent(expr, false, "EXTRACT with a comma"),
            },
            Expr::Ceil { expr: inner, field } | Expr::Floor { expr: inner, field } => {
                match field {
                    CeilFloorKind::DateTimeField(_) => {}
                    CeilFloorKind::Scale(value) => self.value(value)?,
                }
                self.expr(inner)
            }
            Expr::Substring {
                expr: inner,
                substring_from,
                substring_for,
                ..
            } => {
                let rest = substring_from
                    .as_deref()
                    .into_iter()
                    .chain(substring_for.as_deref());
                self.all([&**inner].into_iter().chain(rest))
            }
            Expr::Trim {
                expr: inner,
                trim_what,
                trim_characters,
                ..
            } => {
                let rest = trim_what.as_deref().into_iter();
                let rest = rest.chain(trim_characters.iter().flatten());
                self.all([&**inner].into_iter().chain(rest))
            }
            Expr::Overlay {
                expr: inner,
                overlay_what,
                overlay_from,
                overlay_for,
            } => {
                let rest = [&**inner, &**overlay_what, &**overlay_from].into_iter();
                self.all(rest.chain(overlay_for.as_deref()))
            }
            Expr::Collate {
                expr: inner,
                collation,
            } => {
                self.collation(collation)?;
                self.expr(inner)
            }
            Expr::Value(value) => self.value(value),
            Expr::TypedString(typed) => {
                self.absent(expr, !typed.uses_odbc_syntax, "{d '…'}")?;
                self.value(&typed.value)?;
                self.data_type(&typed.data_type, expr)
            }
            Expr::Function(function) => self.function(function),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                self.plain_types(operand.as_deref())?;
                self.all(operand.as_deref())?;
                for when in conditions {
                    self.all([&when.condition, &when.result])?;
                }
                self.all(else_result.as_deref())
            }
            Expr::Exists { subquery, .. } | Expr::Subquery(subquery) => self.query(subquery),
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => sets
                .iter()
                .flatten()
                .try_for_each(|set| self.grouping_set(set)),
            Expr::Tuple(exprs) => self.all(exprs),
            Expr::Array(array) => {
                self.absent(expr, array.named, "[…] without ARRAY")?;
                self.elements(&array.elem)
            }
            Expr::Interval(interval) => self.expr(&interval.value),
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => self.refuse(
                expr,
                "* changes with every migration and breaks prepared statements",
                "name the columns",
            ),
            Expr::JsonAccess { .. }
            | Expr::InUnnest { .. }
            | Expr::RLike { .. }
            | Expr::Convert { .. }
            | Expr::Prefixed { .. }
            | Expr::Struct { .. }
            | Expr::Named { .. }
            | Expr::Dictionary(_)
            | Expr::Map(_)
            | Expr::MatchAgainst { .. }
            | Expr::OuterJoin(_)
            | Expr::Prior(_)
            | Expr::Lambda(_)
            | Expr::MemberOf(_) => self.refuse(
                expr,
                format!("{expr} is not an expression of PostgreSQL"),
                "write it in another form",
            ),
        }
    }

    /// One of GROUPING SETS, in which the parser takes ROLLUP and CUBE for functions.
    fn grouping_set(&mut self, set: &Expr) -> Walked {
        if let Expr::Function(function) = set
            && let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice()
            && name.quote_style.is_none()
            && ["cube", "rollup"].contains(&name_of(name).as_str())
            && let FunctionArguments::List(list) = &function.args
            && list.clauses.is_empty()
            && list.duplicate_treatment.is_none()
            && function.over.is_none()
            && function.filter.is_none()
            && function.within_group.is_empty()
            && function.null_treatment.is_none()
        {
            self.source.name(name)?;
            return self.arguments("rollup", &list.args);
        }
        self.expr(set)
    }

    /// The elements of an array, in which further dimensions stand without ARRAY.
    fn elements(&mut self, elements: &[Expr]) -> Walked {
        elements.iter().try_for_each(|element| match element {
            Expr::Array(array) => self.elements(&array.elem),
            element => self.expr(element),
        })
    }

    /// Refuses a value cast to the type of an extension beside an operator without a schema.
    ///
    /// The operators of extensions are out of sight. PostgreSQL would take one of its own, if
    /// the type can be read as one of its own: citext would be compared as text.
    fn plain_types<'e>(&self, operands: impl IntoIterator<Item = &'e Expr>) -> Walked {
        operands.into_iter().try_for_each(|operand| {
            let mut inner = operand;
            while let Expr::Nested(nested) | Expr::Collate { expr: nested, .. } = inner {
                inner = nested;
            }
            let Expr::Cast {
                data_type: DataType::Custom(name, _),
                ..
            } = inner
            else {
                return Ok(());
            };
            match self.idents(name)?.as_slice() {
                [schema, _] if name_of(schema) == EXTENSIONS => self.refuse(
                    name,
                    format!("the operators of {name} are not found without their schema"),
                    "write OPERATOR(extensions.=) and the like between the values",
                ),
                _ => Ok(()),
            }
        })
    }

    fn bare_column(&self, ident: &Ident) -> Walked {
        let token = self.source.name(ident)?;
        if ident.quote_style.is_none() {
            if token.is_word("default") {
                return Ok(());
            }
            if is_reserved(&ident.value) {
                return Err(self.reserved(token.span(), &ident.value));
            }
        }
        match self.scopes.aliases(&name_of(ident)).next() {
            Some(Alias::Rows(alias)) => Err(Refusal::new(
                token.span(),
                format!("{alias} alone is a whole row"),
                format!("name the columns; a column of that name is {alias}.{alias}"),
            )),
            Some(Alias::Function(..)) | None => Ok(()),
        }
    }

    fn column_of(&self, alias: &Ident, column: &Ident) -> Walked {
        let span = self.source.name(alias)?.start..self.source.name(column)?.span().end;
        self.alias_in_sight(alias)?;
        let (name, column) = (name_of(alias), name_of(column));
        // PostgreSQL reads n.f as the call f(n) when n is a plain value without a column f, and
        // any alias of that name may be the one it sees.
        let is_column = |alias: &Alias| match alias {
            Alias::Rows(_) => true,
            Alias::Function(_, columns) => {
                columns.contains(&column) || allow::function_column(&column)
            }
        };
        if self.scopes.aliases(&name).all(is_column) {
            return Ok(());
        }
        Err(Refusal::new(
            span,
            format!("{name}.{column} may be a call of the function {column}"),
            format!("name the function's columns, AS {name}({column}), and use {name} once"),
        ))
    }

    pub(super) fn alias_in_sight(&self, ident: &Ident) -> Walked {
        let token = self.source.name(ident)?;
        let name = name_of(ident);
        if self.scopes.aliases(&name).next().is_some() {
            return Ok(());
        }
        Err(Refusal::new(
            token.span(),
            format!("no table or alias is called {name} here"),
            "write the alias as it stands in FROM",
        ))
    }

    /// `root[1]`, `(root)[1]` and `alias.column[1]`.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr]) -> Walked {
        let mut rest = chain;
        if let (Expr::Identifier(alias), [AccessExpr::Dot(Expr::Identifier(column)), more @ ..]) =
            (root, chain)
        {
            self.column_of(alias, column)?;
            rest = more;
        } else {
            self.expr(root)?;
        }
        rest.iter().try_for_each(|access| match access {
            AccessExpr::Subscript(Subscript::Index { index }) => self.expr(index),
            AccessExpr::Subscript(Subscript::Slice {
                lower_bound,
                upper_bound,
                stride,
            }) => {
                self.absent(root, stride.is_none(), "a slice with a step")?;
                self.all(lower_bound.iter().chain(upper_bound))
            }
            // (x).f is also the call f(x).
            AccessExpr::Dot(_) => self.refuse(
                root,
                "a dot behind an expression may call a function",
                "select the fields in a subquery, or write the function's call",
            ),
        })
    }

    pub(super) fn value(&self, value: &ValueWithSpan) -> Walked {
        match &value.value {
            Value::Number(_, false)
            | Value::SingleQuotedString(_)
            | Value::DollarQuotedString(_)
            | Value::EscapedStringLiteral(_)
            | Value::SingleQuotedByteStringLiteral(_)
            | Value::NationalStringLiteral(_)
            | Value::HexStringLiteral(_)
            | Value::Boolean(_)
            | Value::Null => Ok(()),
            Value::Placeholder(name) if name.starts_with('$') => Ok(()),
            other => self.refuse(
                value,
                format!("{other} is not a value of PostgreSQL"),
                "write a string, a number or a parameter as $1",
            ),
        }
    }

    fn operator(&self, expr: &Expr, op: &BinaryOperator) -> Walked {
        match op {
            BinaryOperator::PGCustomBinaryOperator(parts) => match parts.as_slice() {
                [_] => Ok(()),
                [schema, _] if [EXTENSIONS, CATALOG].contains(&schema.as_str()) => Ok(()),
                _ => self.refuse(
                    expr,
                    "an operator is taken from a foreign schema",
                    "write OPERATOR(extensions.…) or OPERATOR(pg_catalog.…)",
                ),
            },
            BinaryOperator::Xor
            | BinaryOperator::DuckIntegerDivide
            | BinaryOperator::MyIntegerDivide
            | BinaryOperator::Match
            | BinaryOperator::Regexp
            | BinaryOperator::Glob
            | BinaryOperator::Assignment => self.refuse(
                expr,
                format!("{op} is not an operator of PostgreSQL"),
                "remove it",
            ),
            _ => Ok(()),
        }
    }

    fn collation(&self, name: &ObjectName) -> Walked {
        let parts = self.idents(name)?;
        match parts.as_slice() {
            [_] => Ok(()),
            [schema, _] if [EXTENSIONS, CATALOG].contains(&name_of(schema).as_str()) => Ok(()),
            _ => self.refuse(
                name,
                format!("collation {name} is in a foreign schema"),
                "name one of pg_catalog or extensions",
            ),
        }
    }

    pub(super) fn window(&mut self, spec: &WindowSpec) -> Walked {
        if let Some(name) = &spec.window_name {
            self.source.name(name)?;
        }
        self.all(&spec.partition_by)?;
        self.order(&spec.order_by)?;
        let Some(frame) = &spec.window_frame else {
            return Ok(());
        };
        for bound in [Some(&frame.start_bound), frame.end_bound.as_ref()]
            .into_iter()
            .flatten()
        {
            match bound {
                WindowFrameBound::CurrentRow => {}
                WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) => {
                    self.all(by.as_deref())?;
                }
            }
        }
        Ok(())
    }
}
