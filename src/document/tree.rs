//! TOML as a tree in which every key and value knows its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::{Place, Problems};

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

impl Node {
    /// The items of a list; of anything else itself.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    pub(crate) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Date(String),
    List(Vec<Node>),
    Table(Table),
}

/// Keys in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }

    /// The table as JSON, which keeps no places.
    pub(crate) fn json(&self) -> serde_json::Value {
        let members = self.entries.iter().map(|entry| (&entry.key, entry.node.value.json()));
        serde_json::Value::Object(members.map(|(key, value)| (key.clone(), value)).collect())
    }

    /// The table of this key, which is made where nothing is there.
    pub(crate) fn table_or_new(&mut self, key: &str, place: Place) -> Option<&mut Self> {
        if self.get(key).is_none() {
            let node = Node { value: Value::Table(Self::default()), place };
            self.entries.push(Entry { key: key.to_owned(), key_place: place, node });
        }
        self.table_mut(key)
    }

    /// The table of this key, where it is one.
    pub(crate) fn table(&self, key: &str) -> Option<&Self> {
        self.get(key)?.node.table()
    }

    pub(crate) fn table_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.get_mut(key)?.node.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}

impl Value {
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The value as JSON, which keeps no places.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) | Self::Date(text) => text.as_str().into(),
            Self::Integer(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Flag(value) => (*value).into(),
            Self::List(items) => items.iter().map(|item| item.value.json()).collect(),
            Self::Table(table) => table.json(),
        }
    }

    /// The value as a message quotes it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(text) => {
                let short: String = text.chars().take(40).collect();
                let dots = if short.len() < text.len() { "..." } else { "" };
                format!("{short:?}{dots}")
            }
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Flag(value) => value.to_string(),
            Self::Date(text) => format!("the date {text}"),
            Self::List(items) if items.is_empty() => "an empty list".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

/// The document in a registered text; nothing when it is not TOML, which is then reported.
pub(crate) fn parse_document(text: usize, problems: &mut Problems) -> Option<Table> {
    let body = problems.body(text).to_owned();
    let converter = Converter { text, offset: 0 };
    match DeTable::parse(&body) {
        Ok(table) => Some(converter.table(table.into_inner(), problems)),
        Err(error) => {
            converter.not_toml(&error, problems);
            None
        }
    }
}

/// One value out of an argument, from byte `offset` of the registered text on.
pub(crate) fn parse_value(
    raw: &str,
    text: usize,
    offset: usize,
    problems: &mut Problems,
) -> Result<Node, toml::de::Error> {
    let value = DeValue::parse(raw)?;
    Ok(Converter { text, offset }.node(value, problems))
}

/// Says that an argument's value is not TOML.
pub(crate) fn report_syntax(
    error: &toml::de::Error,
    text: usize,
    offset: usize,
    problems: &mut Problems,
) {
    Converter { text, offset }.not_toml(error, problems);
}

struct Converter {
    text: usize,
    offset: usize,
}

impl Converter {
    fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place { text: self.text, span: Some((self.offset + span.start, self.offset + span.end)) }
    }

    fn not_toml(&self, error: &toml::de::Error, problems: &mut Problems) {
        let place = error.span().map_or(Place::whole(self.text), |span| self.place(span));
        problems.error(place, format!("not TOML: {}", error.message()));
    }

    fn table(&self, table: DeTable<'_>, problems: &mut Problems) -> Table {
        let mut entries: Vec<Entry> = table
            .into_iter()
            .map(|(key, value)| Entry {
                key_place: self.place(key.span()),
                key: key.into_inner().into_owned(),
                node: self.node(value, problems),
            })
            .collect();
        // The parser's map is sorted by name; the product of the axes follows the file.
        entries.sort_by_key(|entry| entry.key_place.span);
        Table { entries }
    }

    fn node(&self, value: Spanned<DeValue<'_>>, problems: &mut Problems) -> Node {
        let place = self.place(value.span());
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(digits) => {
                let parsed = i64::from_str_radix(digits.as_str(), digits.radix());
                Value::Integer(parsed.unwrap_or_else(|_| {
                    problems.error(place, format!("{digits} is too large a number"));
                    0
                }))
            }
            DeValue::Float(digits) => Value::Float(digits.as_str().parse().unwrap_or_else(|_| {
                problems.error(place, format!("{digits} is not a number"));
                0.0
            })),
            DeValue::Boolean(flag) => Value::Flag(flag),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(items) => {
                Value::List(items.into_iter().map(|item| self.node(item, problems)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, problems)),
        };
        Node { value, place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(body: &str) -> Vec<(String, String, String)> {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), body.into());
        let table = parse_document(text, &mut problems).unwrap();
        let cut = |place: Place| {
            let (from, to) = place.span.unwrap();
            body[from..to].to_owned()
        };
        table
            .entries
            .iter()
            .map(|entry| (entry.key.clone(), cut(entry.key_place), cut(entry.node.place)))
            .collect()
    }

    #[test]
    fn keys_and_values_know_their_place_and_keep_the_order_of_the_file() {
        let found = spans("zebra = [1, 2]\n\"a b\" = 'x'\n[grid]\nk = 1\n[[exclude]]\nm = 1\n");
        let expected = [
            ("zebra", "zebra", "[1, 2]"),
            ("a b", "\"a b\"", "'x'"),
            ("grid", "grid", "[grid]"),
            ("exclude", "exclude", "[[exclude]]"),
        ];
        for ((key, key_text, value_text), (a, b, c)) in expected.into_iter().zip(&found) {
            assert_eq!((key, key_text, value_text), (a.as_str(), b.as_str(), c.as_str()));
        }
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_syntax_error_has_a_place() {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), "a = 1\nb = = 2\n".into());
        assert!(parse_document(text, &mut problems).is_none());
        let error = problems.check(Some(())).unwrap_err().to_string();
        assert!(error.contains("not TOML") && error.contains("f:2:"), "{error}");
    }
}
