//! The search for tensors in what a pickle has built.

use crate::pytorch::{
    Problem, Scalar, limits,
    value::{Heap, Id, Object, Value},
};

/// What was found, in the order of the file.
#[derive(Default)]
pub(super) struct Found {
    /// Names, and indices into [`Heap::tensors`].
    pub(super) tensors: Vec<(String, usize)>,
    pub(super) scalars: Vec<(String, Scalar)>,
    /// Names of tensors of kinds that are not read, and the function that would rebuild them.
    pub(super) unsupported: Vec<(String, String)>,
}

/// Everything that can be reached from `root`, by name.
pub(super) fn walk(heap: &Heap, root: Id) -> Result<Found, Problem> {
    let mut walker = Walker { heap, found: Found::default(), visits: 0, name_bytes: 0 };
    walker.visit(root, "", 0)?;
    Ok(walker.found)
}

struct Walker<'a> {
    heap: &'a Heap,
    found: Found,
    visits: usize,
    name_bytes: usize,
}

impl Walker<'_> {
    fn visit(&mut self, id: Id, name: &str, depth: usize) -> Result<(), Problem> {
        self.visits += 1;
        self.name_bytes += name.len();
        if self.visits > limits::VISITS || self.name_bytes > limits::NAMES {
            return Err(Problem::Visits);
        }
        if depth > limits::DEPTH {
            // The start tells the place; a name that repeats itself is of no use.
            return Err(Problem::Depth { name: name.chars().take(200).collect() });
        }
        let scalar = match &self.heap.values[id] {
            Value::Tensor(index) => {
                self.found.tensors.push((name.to_owned(), *index));
                return Ok(());
            }
            Value::List(members) | Value::Tuple(members) => {
                return self.list(members, name, depth);
            }
            Value::Dict(items) => return self.items(items, name, depth),
            Value::Object(object) => return self.object(object, name, depth),
            Value::Bool(value) => Scalar::Bool(*value),
            Value::Int(value) => Scalar::Int(*value),
            Value::Float(value) => Scalar::Float(*value),
            Value::Text(text) => {
                self.name_bytes += text.len();
                Scalar::Text(text.clone())
            }
            Value::None | Value::Bytes(_) | Value::Class { .. } | Value::Storage(_) => {
                return Ok(());
            }
        };
        self.found.scalars.push((name.to_owned(), scalar));
        Ok(())
    }

    fn list(&mut self, members: &[Id], name: &str, depth: usize) -> Result<(), Problem> {
        for (index, &member) in members.iter().enumerate() {
            self.visit(member, &join(name, &index.to_string()), depth + 1)?;
        }
        Ok(())
    }

    fn items(&mut self, items: &[(Id, Id)], name: &str, depth: usize) -> Result<(), Problem> {
        for &(key, value) in items {
            let key = match &self.heap.values[key] {
                Value::Text(text) => text.clone(),
                Value::Int(number) => number.to_string(),
                // Keys of other kinds lead to nothing that a state dictionary has.
                _ => continue,
            };
            let hidden = matches!(key.as_str(), "_modules" | "_parameters" | "_buffers");
            let inner = if hidden { name.to_owned() } else { join(name, &key) };
            self.visit(value, &inner, depth + 1)?;
        }
        Ok(())
    }

    fn object(&mut self, object: &Object, name: &str, depth: usize) -> Result<(), Problem> {
        if let Some((module, class)) = self.heap.class(object.class)
            && module.starts_with("torch.")
            && class.starts_with("_rebuild_")
        {
            self.found.unsupported.push((name.to_owned(), format!("{module}.{class}")));
            return Ok(());
        }
        self.items(&object.items, name, depth)?;
        self.list(&object.list, name, depth)?;
        match object.state {
            Some(state) => self.visit(state, name, depth + 1),
            None => Ok(()),
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
