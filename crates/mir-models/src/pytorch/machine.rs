//! The stack machine of pickles, with the instructions that build data.
//!
//! Instructions of protocols 2 to 5 that PyTorch's writers use. Those that are left out import and call
//! (`INST`, `OBJ`, `EXT`), reach outside of the file (`PERSID`, buffers), or belong to the text protocols.
//! `REDUCE`, `NEWOBJ` and `BUILD`, which call what is on the stack, only note it down (see
//! [`rebuild`](super::rebuild)).

use std::collections::HashMap;

use crate::pytorch::{
    Problem, limits, rebuild,
    value::{Heap, Id, Object, Value},
};

/// Reads the pickle at the start of `input`; `base` is the offset of `input` in errors. Returns the value
/// and the bytes that were read.
pub(super) fn load(input: &[u8], base: u64, heap: &mut Heap) -> Result<(Id, usize), Problem> {
    let mut machine = Machine {
        input,
        base,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        heap,
    };
    loop {
        if let Some(root) = machine.instruction()? {
            return Ok((root, machine.at));
        }
    }
}

struct Machine<'a> {
    input: &'a [u8],
    base: u64,
    at: usize,
    stack: Vec<Id>,
    /// Heights of the stack at which a `MARK` was set.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    heap: &'a mut Heap,
}

impl<'a> Machine<'a> {
    fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, Problem> {
        Err(Problem::Expected { offset: self.offset(), expected })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Problem> {
        let rest = &self.input[self.at..];
        let Some(bytes) = rest.get(..count) else {
            return Err(Problem::Truncated {
                offset: self.offset(),
                needed: count as u64,
                left: rest.len() as u64,
            });
        };
        self.at += count;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, Problem> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, Problem> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A length of `N` bytes, and that many bytes.
    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], Problem> {
        let mut length = [0; 8];
        length[..N].copy_from_slice(&self.array::<N>()?);
        let length = u64::from_le_bytes(length);
        // One that does not fit into memory does not fit into the file either.
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn line(&mut self) -> Result<String, Problem> {
        let rest = &self.input[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            let (offset, left) = (self.offset(), rest.len() as u64);
            return Err(Problem::Truncated { offset, needed: left + 1, left });
        };
        let line = self.take(length + 1)?;
        self.utf8(&line[..length])
    }

    fn utf8(&self, bytes: &[u8]) -> Result<String, Problem> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => self.expected("text in UTF-8"),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), Problem> {
        let id = self.heap.push(value, self.base + self.at as u64)?;
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), Problem> {
        if self.stack.len() + self.marks.len() >= limits::STACK {
            return Err(Problem::Stack { offset: self.offset() });
        }
        self.stack.push(id);
        Ok(())
    }

    /// The top of the stack, not below the last mark.
    fn pop(&mut self) -> Result<Id, Problem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return self.expected("a value on the stack");
        }
        match self.stack.pop() {
            Some(id) => Ok(id),
            None => self.expected("a value on the stack"),
        }
    }

    fn top(&self) -> Result<Id, Problem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => self.expected("a value on the stack"),
        }
    }

    /// Everything above the last mark.
    fn marked(&mut self) -> Result<Vec<Id>, Problem> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark.min(self.stack.len()))),
            None => self.expected("a mark on the stack"),
        }
    }

    fn tuple(&mut self, count: usize) -> Result<(), Problem> {
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            members.push(self.pop()?);
        }
        members.reverse();
        self.push(Value::Tuple(members))
    }

    fn pairs(&self, flat: &[Id]) -> Result<Vec<(Id, Id)>, Problem> {
        let (pairs, odd) = flat.as_chunks::<2>();
        if !odd.is_empty() {
            return self.expected("a value for each key");
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn append(&mut self, members: Vec<Id>) -> Result<(), Problem> {
        let target = self.top()?;
        match &mut self.heap.values[target] {
            Value::List(list) | Value::Object(Object { list, .. }) => list.extend(members),
            _ => return self.expected("a list"),
        }
        Ok(())
    }

    fn set_items(&mut self, pairs: Vec<(Id, Id)>) -> Result<(), Problem> {
        let target = self.top()?;
        match &mut self.heap.values[target] {
            Value::Dict(items) | Value::Object(Object { items, .. }) => items.extend(pairs),
            _ => return self.expected("a dictionary"),
        }
        Ok(())
    }

    fn remember(&mut self, index: u32) -> Result<(), Problem> {
        let id = self.top()?;
        self.memo.insert(index, id);
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Result<(), Problem> {
        match self.memo.get(&index) {
            Some(&id) => self.push_id(id),
            None => self.expected("a value that was remembered before"),
        }
    }

    fn class(&mut self, module: String, name: String) -> Result<(), Problem> {
        self.push(Value::Class { module, name })
    }

    fn integer(bytes: &[u8]) -> Value {
        if bytes.len() > 8 {
            return Value::Bytes(bytes.to_vec());
        }
        // Two's complement, as many bytes as needed.
        let fill = if bytes.last().is_some_and(|&high| high & 0x80 != 0) { 0xff } else { 0 };
        let mut whole = [fill; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        Value::Int(i64::from_le_bytes(whole))
    }

    /// Carries out one instruction; the result at the last one.
    fn instruction(&mut self) -> Result<Option<Id>, Problem> {
        let start = self.offset();
        let opcode = self.byte()?;
        match opcode {
            b'.' => return self.pop().map(Some),
            // Protocol and frames: the version is of no consequence, frames are only read-ahead.
            0x80 => {
                let _ = self.byte()?;
            }
            0x95 => {
                let _ = self.array::<8>()?;
            }
            b'(' => {
                if self.stack.len() + self.marks.len() >= limits::STACK {
                    return Err(Problem::Stack { offset: start });
                }
                self.marks.push(self.stack.len());
            }
            b'0' => {
                let _ = self.pop()?;
            }
            b'1' => {
                let _ = self.marked()?;
            }
            b'2' => {
                let id = self.top()?;
                self.push_id(id)?;
            }

            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(i64::from(value)))?;
            }
            b'K' => {
                let value = self.byte()?;
                self.push(Value::Int(i64::from(value)))?;
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(i64::from(value)))?;
            }
            0x8a => {
                let bytes = self.counted::<1>()?;
                self.push(Self::integer(bytes))?;
            }
            0x8b => {
                let bytes = self.counted::<4>()?;
                self.push(Self::integer(bytes))?;
            }
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(value))?;
            }

            b'X' => {
                let bytes = self.counted::<4>()?;
                let text = self.utf8(bytes)?;
                self.push(Value::Text(text))?;
            }
            0x8c => {
                let bytes = self.counted::<1>()?;
                let text = self.utf8(bytes)?;
                self.push(Value::Text(text))?;
            }
            0x8d => {
                let bytes = self.counted::<8>()?;
                let text = self.utf8(bytes)?;
                self.push(Value::Text(text))?;
            }
            // Strings of Python 2: names, as a rule.
            b'T' | b'U' => {
                let bytes =
                    if opcode == b'T' { self.counted::<4>()? } else { self.counted::<1>()? };
                let value = match std::str::from_utf8(bytes) {
                    Ok(text) => Value::Text(text.to_owned()),
                    Err(_) => Value::Bytes(bytes.to_vec()),
                };
                self.push(value)?;
            }
            b'B' => {
                let bytes = self.counted::<4>()?.to_vec();
                self.push(Value::Bytes(bytes))?;
            }
            b'C' => {
                let bytes = self.counted::<1>()?.to_vec();
                self.push(Value::Bytes(bytes))?;
            }
            0x8e | 0x96 => {
                let bytes = self.counted::<8>()?.to_vec();
                self.push(Value::Bytes(bytes))?;
            }

            b')' => self.push(Value::Tuple(Vec::new()))?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let members = self.marked()?;
                self.push(Value::Tuple(members))?;
            }
            // Sets are kept as lists, in the order of the file.
            b']' | 0x8f => self.push(Value::List(Vec::new()))?,
            b'l' | 0x91 => {
                let members = self.marked()?;
                self.push(Value::List(members))?;
            }
            b'a' => {
                let member = self.pop()?;
                self.append(vec![member])?;
            }
            b'e' | 0x90 => {
                let members = self.marked()?;
                self.append(members)?;
            }
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b'd' => {
                let flat = self.marked()?;
                let pairs = self.pairs(&flat)?;
                self.push(Value::Dict(pairs))?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![(key, value)])?;
            }
            b'u' => {
                let flat = self.marked()?;
                let pairs = self.pairs(&flat)?;
                self.set_items(pairs)?;
            }

            b'q' => {
                let index = self.byte()?;
                self.remember(u32::from(index))?;
            }
            b'r' => {
                let index = self.u32()?;
                self.remember(index)?;
            }
            0x94 => {
                let index = u32::try_from(self.memo.len()).unwrap_or(u32::MAX);
                self.remember(index)?;
            }
            b'h' => {
                let index = self.byte()?;
                self.recall(u32::from(index))?;
            }
            b'j' => {
                let index = self.u32()?;
                self.recall(index)?;
            }

            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.class(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.heap.text(module), self.heap.text(name)) {
                    (Some(module), Some(name)) => {
                        let (module, name) = (module.to_owned(), name.to_owned());
                        self.class(module, name)?;
                    }
                    _ => return self.expected("the names of a class"),
                }
            }
            b'Q' => {
                let reference = self.pop()?;
                let id = rebuild::persistent(self.heap, reference, start)?;
                self.push_id(id)?;
            }
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                let id = rebuild::call(self.heap, class, arguments, start)?;
                self.push_id(id)?;
            }
            0x92 => {
                let (_keywords, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                let id = rebuild::call(self.heap, class, arguments, start)?;
                self.push_id(id)?;
            }
            b'b' => {
                let state = self.pop()?;
                let target = self.top()?;
                // Attributes of a dictionary or tensor (versions, metadata) say nothing about weights.
                if let Value::Object(object) = &mut self.heap.values[target] {
                    object.state = Some(state);
                }
            }
            _ => return Err(Problem::Opcode { offset: start, opcode }),
        }
        Ok(None)
    }
}
