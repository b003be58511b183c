//! Function calls.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArgumentClause,
    FunctionArguments, ObjectName, Value, WindowType,
};

use super::{Walk, Walked, name_of};
use crate::names::{CATALOG, EXTENSIONS};
use crate::side::Owner;
use crate::statement::Place;
use crate::{Kind, Refusal, allow};

impl Walk<'_, '_> {
    pub(super) fn function(&mut self, function: &Function) -> Walked {
        self.absent(function, !function.uses_odbc_syntax, "{fn …}")?;
        match function.parameters {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(_) | FunctionArguments::List(_) => {
                return self.absent(function, false, "a function with two argument lists");
            }
        }
        if let FunctionArguments::None = function.args {
            return self.value_function(function);
        }
        let name = self.function_name(&function.name)?;
        match &function.args {
            FunctionArguments::None => {}
            // ARRAY(SELECT …) is the only one in PostgreSQL.
            FunctionArguments::Subquery(query) => {
                self.absent(function, name == "array", "a query as an argument list")?;
                self.query(query)?;
            }
            FunctionArguments::List(list) => {
                self.arguments(&name, &list.args)?;
                for clause in &list.clauses {
                    match clause {
                        FunctionArgumentClause::OrderBy(exprs) => self.order(exprs)?,
                        FunctionArgumentClause::JsonNullClause(_) => {}
                        FunctionArgumentClause::IgnoreOrRespectNulls(_)
                        | FunctionArgumentClause::Where(_)
                        | FunctionArgumentClause::Limit(_)
                        | FunctionArgumentClause::OnOverflow(_)
                        | FunctionArgumentClause::Having(_)
                        | FunctionArgumentClause::Separator(_)
                        | FunctionArgumentClause::JsonReturningClause(_) => {
                            return self.absent(function, false, "this clause of a function");
                        }
                    }
                }
            }
        }
        self.absent(function, function.null_treatment.is_none(), "IGNORE NULLS")?;
        self.order(&function.within_group)?;
        self.all(function.filter.as_deref())?;
        match &function.over {
            None => Ok(()),
            Some(WindowType::NamedWindow(name)) => self.source.name(name).map(drop),
            Some(WindowType::WindowSpec(spec)) => self.window(spec),
        }
    }

    /// `CURRENT_DATE` and its like, which take no parentheses.
    fn value_function(&self, function: &Function) -> Walked {
        let ident = self.single(&function.name)?;
        let token = self.source.name(ident)?;
        if ident.quote_style.is_none() && allow::bare_function(&name_of(ident)) {
            return Ok(());
        }
        Err(self.not_listed(token.span(), &name_of(ident)))
    }

    /// Checks a function's name, qualifies one of the tenant's, and answers it without its schema.
    pub(super) fn function_name(&mut self, name: &ObjectName) -> Result<String, Refusal> {
        let parts = self.idents(name)?;
        let (schema, ident) = match parts.as_slice() {
            [ident] => (None, *ident),
            [schema, ident] => (Some(*schema), *ident),
            _ => {
                return self.refuse(
                    name,
                    format!("{name} names a database"),
                    "write the function's name alone",
                );
            }
        };
        let called = name_of(ident);
        let span = self.source.name(ident)?.span();
        let Some(schema) = schema else {
            if allow::function(&called) || allow::bare_function(&called) {
                return Ok(called);
            }
            return Err(self.not_listed(span, &called));
        };
        let token = self.source.name(schema)?;
        match name_of(schema).as_str() {
            CATALOG if allow::function(&called) => {}
            EXTENSIONS if self.source.allowed.function(&called) => {}
            EXTENSIONS => {
                let (reason, help) = allow::unlisted_in_extensions(&called);
                return Err(Refusal::new(token.start..span.end, reason, help));
            }
            CATALOG => {
                return Err(self.not_listed(token.start..span.end, &format!("{name}")));
            }
            other => {
                let owner = self.source.side.function(other);
                let owner = owner.map_err(|why| Refusal::new(token.span(), why.0, why.1))?;
                // What it does is not known here.
                self.kind = Kind::Write;
                self.calls = true;
                if owner == Owner::Tenant {
                    self.places.push(Place {
                        start: token.start,
                        end: token.span().end,
                    });
                }
            }
        }
        Ok(called)
    }

    pub(super) fn arguments(&mut self, function: &str, args: &[FunctionArg]) -> Walked {
        self.dictionary(function, args)?;
        args.iter().try_for_each(|arg| {
            let value = match arg {
                FunctionArg::Unnamed(value) => value,
                // The parser reads the name of an argument as an expression in this dialect.
                FunctionArg::Named {
                    name,
                    arg: value,
                    operator,
                }
                | FunctionArg::ExprNamed {
                    name: Expr::Identifier(name),
                    arg: value,
                    operator,
                } => {
                    self.source.name(name)?;
                    self.named_with(arg, operator)?;
                    value
                }
                FunctionArg::ExprNamed { .. } => {
                    return self.absent(arg, false, "an expression as an argument's name");
                }
            };
            match value {
                FunctionArgExpr::Expr(expr) => self.expr(expr),
                FunctionArgExpr::Wildcard if function == "count" => Ok(()),
                FunctionArgExpr::Wildcard
                | FunctionArgExpr::QualifiedWildcard(_)
                | FunctionArgExpr::WildcardWithOptions(_) => self.refuse(
                    arg,
                    "* as an argument is a whole row",
                    "name the columns; count(*) is fine",
                ),
            }
        })
    }

    fn named_with(&self, arg: &FunctionArg, operator: &FunctionArgOperator) -> Walked {
        match operator {
            FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment => Ok(()),
            FunctionArgOperator::Equals
            | FunctionArgOperator::Colon
            | FunctionArgOperator::Value
            | FunctionArgOperator::Space => {
                self.absent(arg, false, "this form of a named argument")
            }
        }
    }

    /// A text search configuration or dictionary is an object with a schema, named in a string.
    fn dictionary(&self, function: &str, args: &[FunctionArg]) -> Walked {
        let Some(rule) = allow::dictionary(function, args.len()) else {
            return Ok(());
        };
        let Some(first) = args.first() else {
            return Ok(());
        };
        let mut plain = None;
        let mut is_untyped = true;
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = first {
            let mut expr = expr;
            while let Expr::Nested(inner) = expr {
                expr = inner;
            }
            is_untyped = matches!(expr, Expr::Value(_));
            if let Expr::Value(value) = expr
                && let Value::SingleQuotedString(text) = &value.value
            {
                plain = Some(text.as_str());
            }
        }
        if rule.accepts(plain, is_untyped) {
            return Ok(());
        }
        self.refuse(first, rule.reason(function), rule.help())
    }

    fn not_listed(&self, span: std::ops::Range<usize>, name: &str) -> Refusal {
        let side = self.source.side;
        let (reason, help) = allow::unlisted(name, side);
        Refusal::new(span, reason, help.unwrap_or(side.before_a_function()))
    }
}
