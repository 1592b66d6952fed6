//! The functions that a file of PyTorch calls, carried out here; all others are only noted down.

use crate::pytorch::{
    DType, Problem,
    value::{Heap, Id, Object, Storage, TensorView, Value},
};

fn expected<T>(offset: u64, expected: &'static str) -> Result<T, Problem> {
    Err(Problem::Expected { offset, expected })
}

/// What a persistent id stands for: a storage, or (in old files) a module with its source text.
///
/// `('storage', class, key, device, elements[, part])`, `part` being `None` or `(key, start, elements)`.
pub(super) fn persistent(heap: &mut Heap, reference: Id, offset: u64) -> Result<Id, Problem> {
    let Some(members) = heap.members(reference).map(<[Id]>::to_vec) else {
        return expected(offset, "a reference to a storage");
    };
    match (members.first().and_then(|&kind| heap.text(kind)), members.as_slice()) {
        (Some("module"), &[_, class, ..]) => Ok(class),
        (Some("storage"), &[_, class, key, _, elements, ref rest @ ..]) => {
            let dtype = heap.class(class).and_then(|(_, name)| DType::of_storage(name));
            let (Some(dtype), Some(key)) = (dtype, heap.text(key)) else {
                return expected(offset, "a known class of storages and a key");
            };
            let key = key.to_owned();
            let Some(len) = heap.count(elements) else {
                return expected(offset, "the number of elements of a storage");
            };
            let whole = intern(heap, Storage { key, dtype, len, part_of: None }, offset)?;
            let part = rest.first().and_then(|&part| heap.counts_after_text(part));
            let index = match part {
                None => whole,
                Some((key, start, len)) => {
                    let part_of = Some((whole, start));
                    intern(heap, Storage { key, dtype, len, part_of }, offset)?
                }
            };
            heap.push(Value::Storage(index), offset)
        }
        _ => expected(offset, "a reference to a storage"),
    }
}

/// The index of a storage; two that go by one key have to be one.
fn intern(heap: &mut Heap, storage: Storage, offset: u64) -> Result<usize, Problem> {
    match heap.keys.get(&storage.key) {
        Some(&index) if heap.storages[index] == storage => Ok(index),
        Some(_) => expected(offset, "the size and kind that this storage had before"),
        None => {
            heap.keys.insert(storage.key.clone(), heap.storages.len());
            heap.storages.push(storage);
            Ok(heap.storages.len() - 1)
        }
    }
}

/// The result of calling a class or function.
pub(super) fn call(heap: &mut Heap, class: Id, arguments: Id, offset: u64) -> Result<Id, Problem> {
    let Some(members) = heap.members(arguments).map(<[Id]>::to_vec) else {
        return expected(offset, "a tuple of arguments");
    };
    let Some((module, name)) = heap.class(class) else {
        return expected(offset, "the name of a class or function");
    };
    match (module, name) {
        ("collections", "OrderedDict" | "defaultdict") | ("builtins" | "__builtin__", "dict") => {
            // Python 2 gives a list of pairs.
            let pairs = members.first().and_then(|&list| heap.members(list));
            let pairs =
                pairs.unwrap_or_default().iter().filter_map(|&pair| match heap.members(pair) {
                    Some(&[key, value]) => Some((key, value)),
                    _ => None,
                });
            let pairs = pairs.collect();
            heap.push(Value::Dict(pairs), offset)
        }
        ("builtins" | "__builtin__", "set" | "frozenset" | "list" | "tuple")
        | ("torch", "Size") => {
            let inner = members.first().and_then(|&list| heap.members(list));
            let inner = inner.unwrap_or_default().to_vec();
            heap.push(Value::Tuple(inner), offset)
        }
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
            tensor(heap, &members, None, offset)
        }
        ("torch._utils", "_rebuild_tensor_v3") => {
            let dtype = members.get(6).and_then(|&dtype| heap.class(dtype));
            match dtype.and_then(|(_, name)| DType::of_name(name)) {
                Some(dtype) => tensor(heap, &members, Some(dtype), offset),
                None => expected(offset, "a kind of elements that is known"),
            }
        }
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            match members.first() {
                Some(&data) => Ok(data),
                None => expected(offset, "the tensor of a parameter"),
            }
        }
        ("torch._tensor", "_rebuild_from_type_v2") => match members.as_slice() {
            // A tensor with attributes: the function that rebuilds it, its class, arguments, attributes.
            // The function is one of the above; this one itself would recurse without end.
            &[function, _, inner, _] if function != class && !nested(heap, function) => {
                call(heap, function, inner, offset)
            }
            _ => expected(offset, "the four parts of a tensor with attributes"),
        },
        _ => {
            let object = Object { class, state: None, items: Vec::new(), list: Vec::new() };
            heap.push(Value::Object(object), offset)
        }
    }
}

fn nested(heap: &Heap, function: Id) -> bool {
    heap.class(function) == Some(("torch._tensor", "_rebuild_from_type_v2"))
}

/// `(storage, offset, shape, strides, …)`.
fn tensor(
    heap: &mut Heap,
    arguments: &[Id],
    dtype: Option<DType>,
    offset: u64,
) -> Result<Id, Problem> {
    let &[storage, first, shape, strides, ..] = arguments else {
        return expected(offset, "the storage, offset, shape and strides of a tensor");
    };
    let Value::Storage(storage) = heap.values[storage] else {
        return expected(offset, "the storage of a tensor");
    };
    let (Some(first), Some(shape), Some(strides)) =
        (heap.count(first), heap.counts(shape), heap.counts(strides))
    else {
        return expected(offset, "whole numbers, not negative, for offset, shape and strides");
    };
    if shape.len() != strides.len() {
        return expected(offset, "a stride for each dimension");
    }
    let announced = &heap.storages[storage];
    let dtype = dtype.unwrap_or(announced.dtype);
    let available = announced.len.saturating_mul(announced.dtype.size()) / dtype.size();
    let view = TensorView { storage, dtype, offset: first, shape, strides };
    match view.reach() {
        Some(needed) if needed <= available => {}
        needed => {
            let needed = needed.map_or(u64::MAX, |needed| needed as u64);
            return Err(Problem::Bounds { offset, needed, actual: available as u64 });
        }
    }
    heap.tensors.push(view);
    let index = heap.tensors.len() - 1;
    heap.push(Value::Tensor(index), offset)
}
