//! Settings that are one of a few words.

/// The words of a setting that is one of a few.
macro_rules! words {
    ($vis:vis $setting:ident { $($variant:ident = $word:literal),+ }) => {
        impl $setting {
            /// As they are written.
            $vis const WORDS: &'static [&'static str] = &[$($word),+];

            /// As it is written.
            $vis const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The setting of this word.
            $vis fn named(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $setting {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(crate) use words;
