//! How far apart two words are, counted in slips of a typist.

/// The most characters of a misspelt word that are compared.
const COMPARED: usize = 64;

/// How many slips a word of so many characters may have: none below three, one below six, two from
/// there on.
fn edits(characters: usize) -> usize {
    match characters {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    }
}

/// Compares words with one that may be misspelt.
///
/// A slip is a character too many, too few, another one, or two neighbours changed over. The first
/// character must be right.
#[derive(Debug, Clone)]
pub(crate) struct Speller {
    word: Vec<char>,
    most: usize,
}

impl Speller {
    /// None when the word is so short that it must be right.
    pub(crate) fn new(word: &str) -> Option<Self> {
        let word: Vec<char> = word.chars().take(COMPARED).collect();
        let most = edits(word.len());
        (most > 0).then_some(Self { word, most })
    }

    /// How many slips lie between the two, if they are few enough.
    pub(crate) fn distance(&self, other: &str) -> Option<usize> {
        let mut characters = ['\0'; COMPARED];
        let mut length = 0;
        for character in other.chars() {
            if length == COMPARED || (length == 0 && character != self.word[0]) {
                return None;
            }
            characters[length] = character;
            length += 1;
        }
        if length == 0 || length.abs_diff(self.word.len()) > self.most {
            return None;
        }
        self.compare(&characters[..length])
    }

    /// The optimal string alignment, given up where every way has too many slips already.
    fn compare(&self, other: &[char]) -> Option<usize> {
        let mut rows = [[0_usize; COMPARED + 1]; 3];
        for (column, slips) in rows[0].iter_mut().enumerate() {
            *slips = column;
        }
        for (at, &wanted) in self.word.iter().enumerate() {
            let (now, above, before) = ((at + 1) % 3, at % 3, (at + 2) % 3);
            rows[now][0] = at + 1;
            let mut least = at + 1;
            for (column, &have) in other.iter().enumerate() {
                let other_one = rows[above][column] + usize::from(wanted != have);
                let one_less = rows[above][column + 1] + 1;
                let one_more = rows[now][column] + 1;
                let mut slips = other_one.min(one_less).min(one_more);
                let swapped = at > 0
                    && column > 0
                    && wanted == other[column - 1]
                    && self.word[at - 1] == have;
                if swapped {
                    slips = slips.min(rows[before][column - 1] + 1);
                }
                rows[now][column + 1] = slips;
                least = least.min(slips);
            }
            if least > self.most {
                return None;
            }
        }
        let slips = rows[self.word.len() % 3][other.len()];
        (slips <= self.most).then_some(slips)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slips_are_counted_and_the_first_character_is_right() {
        for (word, other, slips) in [
            ("keybaord", "keyboard", Some(1)),
            ("kebyo", "keybo", Some(1)),
            ("keyboard", "keyboard", Some(0)),
            ("keyboard", "keybord", Some(1)),
            ("keyboard", "kyebord", Some(2)),
            ("keyboard", "kyebodr", None),
            ("keyboard", "leyboard", None),
            ("lamp", "lmap", Some(1)),
            ("lamp", "lam", Some(1)),
            ("lamp", "la", None),
            ("lamp", "", None),
            ("café", "cafe", Some(1)),
        ] {
            let found = Speller::new(word).unwrap().distance(other);
            assert_eq!(found, slips, "{word} and {other}");
        }
        assert!(
            Speller::new("ab").is_none(),
            "it is too short to be misspelt"
        );
        let long = "a".repeat(200);
        assert_eq!(Speller::new(&long).unwrap().distance(&long), None);
    }

    /// The definition, cell by cell and to the end.
    fn plain(word: &[char], other: &[char]) -> usize {
        let mut cells = vec![vec![0; other.len() + 1]; word.len() + 1];
        for i in 0..=word.len() {
            for j in 0..=other.len() {
                if i == 0 || j == 0 {
                    cells[i][j] = i + j;
                    continue;
                }
                let differs = usize::from(word[i - 1] != other[j - 1]);
                let mut least = (cells[i - 1][j] + 1).min(cells[i][j - 1] + 1);
                least = least.min(cells[i - 1][j - 1] + differs);
                if i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1] {
                    least = least.min(cells[i - 2][j - 2] + 1);
                }
                cells[i][j] = least;
            }
        }
        cells[word.len()][other.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn giving_up_early_changes_no_answer(word in "a[abé]{2,9}", other in "a[abé]{0,11}") {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            let slips = plain(&characters(&word), &characters(&other));
            let wanted = (slips <= edits(word.chars().count())).then_some(slips);
            let found = Speller::new(&word).unwrap().distance(&other);
            prop_assert_eq!(found, wanted, "{} and {}", word, other);
        }
    }
}
