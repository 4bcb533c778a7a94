//! The keys of a load: their names, and which one a request takes.

mod distribution;
mod zipfian;

pub use distribution::{Distribution, KeyChooser};

/// The names of keys: `PREFIX[DIRECTORY/]NUMBER`, the number padded with zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyShape {
    /// The text that all keys begin with.
    pub prefix: String,
    /// How many keys there are.
    pub count: u64,
    /// How many keys are in one directory; 0 puts all beneath the prefix.
    pub per_directory: u64,
    /// The length of the last part of a name, in bytes.
    pub width: usize,
}

impl KeyShape {
    /// The name of the key of a number.
    pub fn name(&self, number: u64) -> String {
        let (prefix, width) = (&self.prefix, self.width);
        match number.checked_div(self.per_directory) {
            Some(directory) => format!("{prefix}{directory}/{number:0width$}"),
            None => format!("{prefix}{number:0width$}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyShape;

    #[test]
    fn keys_have_the_length_and_the_directories_asked_for() {
        let mut shape = KeyShape {
            prefix: "bench/".to_owned(),
            count: 1_000,
            per_directory: 0,
            width: 8,
        };
        assert_eq!(shape.name(42), "bench/00000042");
        shape.per_directory = 10;
        assert_eq!(shape.name(42), "bench/4/00000042");
    }
}
