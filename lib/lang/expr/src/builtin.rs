//! The functions of the language, by name.

macro_rules! builtins {
    ($($variant:ident $name:literal $least:literal $most:literal,)*) => {
        /// A function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Builtin { $($variant,)* }

        impl Builtin {
            /// By name.
            pub(super) fn find(name: &str) -> Option<Self> {
                Some(match name { $($name => Builtin::$variant,)* _ => return None })
            }

            /// Least and most arguments.
            pub(super) const fn arity(self) -> (usize, usize) {
                match self { $(Builtin::$variant => ($least, $most),)* }
            }

            /// As written.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Builtin::$variant => $name,)* }
            }
        }
    };
}

builtins! {
    Env "env" 1 1,
    All "all" 2 2,
    None "none" 2 2,
    Any "any" 2 2,
    One "one" 2 2,
    Filter "filter" 2 2,
    Map "map" 2 2,
    Find "find" 2 2,
    FindIndex "findIndex" 2 2,
    FindLast "findLast" 2 2,
    FindLastIndex "findLastIndex" 2 2,
    Count "count" 1 2,
    Sum "sum" 1 2,
    GroupBy "groupBy" 2 2,
    SortBy "sortBy" 2 3,
    Reduce "reduce" 2 3,
    Len "len" 1 1,
    Type "type" 1 1,
    Abs "abs" 1 1,
    Ceil "ceil" 1 1,
    Floor "floor" 1 1,
    Round "round" 1 1,
    Int "int" 1 1,
    Float "float" 1 1,
    String "string" 1 1,
    Trim "trim" 1 2,
    TrimPrefix "trimPrefix" 1 2,
    TrimSuffix "trimSuffix" 1 2,
    Upper "upper" 1 1,
    Lower "lower" 1 1,
    Split "split" 2 3,
    SplitAfter "splitAfter" 2 3,
    Replace "replace" 3 4,
    Repeat "repeat" 2 2,
    Join "join" 1 2,
    IndexOf "indexOf" 2 2,
    LastIndexOf "lastIndexOf" 2 2,
    HasPrefix "hasPrefix" 2 2,
    HasSuffix "hasSuffix" 2 2,
    Max "max" 1 64,
    Min "min" 1 64,
    Mean "mean" 1 64,
    Median "median" 1 64,
    ToJson "toJSON" 1 1,
    FromJson "fromJSON" 1 1,
    ToBase64 "toBase64" 1 1,
    FromBase64 "fromBase64" 1 1,
    Now "now" 0 0,
    Duration "duration" 1 1,
    Date "date" 1 2,
    First "first" 1 1,
    Last "last" 1 1,
    Get "get" 2 2,
    Take "take" 2 2,
    Keys "keys" 1 1,
    Values "values" 1 1,
    ToPairs "toPairs" 1 1,
    FromPairs "fromPairs" 1 1,
    Reverse "reverse" 1 1,
    Uniq "uniq" 1 1,
    Concat "concat" 1 64,
    Flatten "flatten" 1 1,
    Sort "sort" 1 2,
    BitAnd "bitand" 2 2,
    BitOr "bitor" 2 2,
    BitXor "bitxor" 2 2,
    BitNand "bitnand" 2 2,
    BitNot "bitnot" 1 1,
    BitShl "bitshl" 2 2,
    BitShr "bitshr" 2 2,
    BitUshr "bitushr" 2 2,
}

impl Builtin {
    /// Which argument is asked of every element.
    pub(super) fn predicate_at(self) -> Option<usize> {
        let closure = (Builtin::All as usize..=Builtin::Reduce as usize).contains(&(self as usize));
        closure.then_some(1)
    }
}
