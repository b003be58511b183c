//! Types in casts, typed strings and column lists.

use sqlparser::ast::{ArrayElemTypeDef, DataType, Spanned};

use super::{Walk, Walked, name_of};
use crate::allow;
use crate::names::{CATALOG, EXTENSIONS};

impl Walk<'_, '_> {
    /// Accepts PostgreSQL's own types that do not look up objects, those of extensions, and those
    /// that the app makes for all tenants.
    pub(super) fn data_type(&self, data_type: &DataType, near: &impl Spanned) -> Walked {
        match data_type {
            DataType::Character(_)
            | DataType::Char(_)
            | DataType::CharacterVarying(_)
            | DataType::CharVarying(_)
            | DataType::Varchar(_)
            | DataType::Uuid
            | DataType::Numeric(_)
            | DataType::Decimal(_)
            | DataType::Dec(_)
            | DataType::Float(_)
            | DataType::Int2(_)
            | DataType::SmallInt(_)
            | DataType::Int(_)
            | DataType::Int4(_)
            | DataType::Int8(_)
            | DataType::Integer(_)
            | DataType::BigInt(_)
            | DataType::Float4
            | DataType::Real
            | DataType::Float8
            | DataType::DoublePrecision
            | DataType::Bool
            | DataType::Boolean
            | DataType::Date
            | DataType::Time(..)
            | DataType::Timestamp(..)
            | DataType::Interval { .. }
            | DataType::JSON
            | DataType::JSONB
            | DataType::Text
            | DataType::Bytea
            | DataType::Bit(_)
            | DataType::BitVarying(_)
            | DataType::VarBit(_)
            | DataType::GeometricType(_)
            | DataType::TsVector
            | DataType::TsQuery => Ok(()),
            DataType::Array(
                ArrayElemTypeDef::SquareBracket(inner, _) | ArrayElemTypeDef::Qualified(inner, _),
            ) => self.data_type(inner, near),
            DataType::Custom(name, _) => {
                let parts = self.idents(name)?;
                match parts.as_slice() {
                    [ident] if allow::type_name(&name_of(ident)) => Ok(()),
                    [schema, ident]
                        if name_of(schema) == CATALOG && allow::type_name(&name_of(ident)) =>
                    {
                        Ok(())
                    }
                    [schema, ident]
                        if name_of(schema) == EXTENSIONS
                            && self.source.allowed.type_name(&name_of(ident)) =>
                    {
                        Ok(())
                    }
                    [schema, _] if self.source.side.has_types_in(&name_of(schema)) => Ok(()),
                    [.., ident] if allow::is_object_type(&name_of(ident)) => {
                        self.object_type(name, &name_of(ident))
                    }
                    [schema, ident] if name_of(schema) == EXTENSIONS => self.refuse(
                        name,
                        format!(
                            "type {} is not on the list of types of extensions",
                            name_of(ident)
                        ),
                        allow::TYPE_HELP,
                    ),
                    _ => self.refuse(
                        name,
                        format!("type {name} is not one of PostgreSQL's own"),
                        self.source.side.type_help(),
                    ),
                }
            }
            DataType::Regclass => self.object_type(near, "regclass"),
            other => self.refuse(
                near,
                format!("type {other} is not one of PostgreSQL's own"),
                "use a type of PostgreSQL",
            ),
        }
    }

    fn object_type(&self, near: &impl Spanned, name: &str) -> Walked {
        self.refuse(
            near,
            format!("type {name} looks up an object of any schema by its name"),
            "name the object itself, not in a string",
        )
    }
}
