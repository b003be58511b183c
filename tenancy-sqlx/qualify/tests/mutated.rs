//! The body of the fuzz target, on texts that are near to statements.

mod sound;

const CORPUS: [&str; 2] = [
    include_str!("corpus/accepted.sql"),
    include_str!("corpus/refused.sql"),
];

/// The same numbers every time.
struct Lots(u64);

impl Lots {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let limit = u64::try_from(limit.max(1)).expect("a small number");
        usize::try_from((z ^ (z >> 31)) % limit).expect("a small number")
    }
}

/// What a letter may become.
const LETTERS: &[&str] = &[
    "", " ", "\n", "\r", "\t", "\u{b}", "\u{a0}", "'", "\"", "$", "$$", "E'", "\\", "--", "/*",
    "*/", "(", ")", "[", "]", ",", ";", ".", "::", "*", "=", "0", "1", "$1", "a", "É", "🎉", "\0",
    "tenant.", "public.", "t2.", "TABLE ", "FROM ", "ONLY ", "AS ", "WITH ",
];

#[test]
fn texts_near_to_statements_are_read_soundly() {
    let blocks: Vec<_> = CORPUS
        .iter()
        .flat_map(|corpus| corpus.split("\n;;\n").skip(1))
        .map(|block| {
            let lines: Vec<_> = block
                .lines()
                .filter(|line| !line.starts_with("-- "))
                .collect();
            lines.join("\n")
        })
        .filter(|sql| sql.len() < 2000)
        .collect();
    let mut lots = Lots(8);
    let mut accepted = 0;
    for round in 0..12_000 {
        let mut letters: Vec<_> = blocks[lots.below(blocks.len())]
            .chars()
            .map(String::from)
            .collect();
        for _ in 0..round % 4 {
            let at = lots.below(letters.len() + 1);
            let to = (at + lots.below(3)).min(letters.len());
            let letter = LETTERS[lots.below(LETTERS.len())].to_owned();
            letters.splice(at..to, [letter]);
        }
        let sql = letters.concat();
        accepted += usize::from(tenancy_qualify::tenant(&sql).is_ok());
        sound::holds(&sql);
    }
    assert!(accepted > 1_200, "only {accepted} of them were statements");
}
