//! Completion scripts, complete by themselves: nothing of the program runs while somebody types.

use std::fmt::Write as _;

use super::{Command, Flag, PROGRAM, Takes};

/// Shells for which there is a script.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish", "powershell"];

/// The script for a shell of `SHELLS`.
pub fn completion(shell: &str, commands: &[&Command]) -> String {
    match shell {
        "zsh" => zsh(commands),
        "fish" => fish(commands),
        "powershell" => powershell(commands),
        _ => bash(commands),
    }
}

fn named<'a>(commands: &'a [&Command]) -> impl Iterator<Item = &'a Command> {
    commands.iter().copied().filter(|it| !it.name.is_empty())
}

/// `--output` and, where there is one, `-o`.
fn spellings(flag: &Flag) -> Vec<String> {
    let short = flag.short.map(|it| format!("-{it}"));
    short.into_iter().chain([format!("--{}", flag.name)]).collect()
}

/// What the first word behind a command may be.
fn first_word(command: &Command, commands: &[&Command]) -> Vec<&'static str> {
    match command.words.first().map(|it| it.takes) {
        Some(Takes::OneOf(values)) => values.to_vec(),
        Some(Takes::Command) => named(commands).map(|it| it.name).collect(),
        _ => Vec::new(),
    }
}

/// A text between single quotes of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn bash(commands: &[&Command]) -> String {
    let names = named(commands).map(|it| it.name).collect::<Vec<_>>();
    let (bar, blank) = (names.join("|"), names.join(" "));
    let mut values = String::new();
    let mut words = String::new();
    for command in commands {
        for flag in command.all_flags().filter(|it| it.takes != Takes::Nothing) {
            let patterns: Vec<String> =
                spellings(flag).iter().map(|it| format!("\"{} {it}\"", command.name)).collect();
            let list = match flag.takes {
                Takes::OneOf(values) => format!("words=\"{}\"", values.join(" ")),
                // With nothing offered, bash offers files.
                _ => "return".into(),
            };
            let _ = writeln!(values, "    {}) {list} ;;", patterns.join("|"));
        }
        let flags = command.all_flags().flat_map(spellings).collect::<Vec<_>>().join(" ");
        let first = match command.name {
            "" => blank.clone(),
            _ => first_word(command, commands).join(" "),
        };
        let _ =
            writeln!(words, "    \"{}\") flags=\"{flags}\"; words=\"{first}\" ;;", command.name);
    }
    format!(
        "\
# bash completion for {PROGRAM}: source it, or put it into /usr/share/bash-completion/completions/{PROGRAM}
_{PROGRAM}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command='' flags='' words='' word
  # Bash parts --flag=value into three words.
  [[ $current == '=' ]] && current=''
  [[ $previous == '=' ]] && previous=${{COMP_WORDS[COMP_CWORD-2]}}
  COMPREPLY=()
  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do
    case $word in {bar}) command=$word; break ;; esac
  done
  case $command in
{words}  esac
  case \"$command $previous\" in
{values}    *) [[ $current == -* ]] && words=$flags ;;
  esac
  while read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -W \"$words\" -- \"$current\")
}}
complete -o default -F _{PROGRAM} {PROGRAM}
"
    )
}

fn zsh(commands: &[&Command]) -> String {
    let mut list = String::new();
    let mut cases = String::new();
    let mut program = Vec::new();
    for command in commands {
        let mut lines: Vec<String> = command.all_flags().map(zsh_flag).collect();
        if command.name.is_empty() {
            program = lines;
            continue;
        }
        let entry = format!("{}:{}", command.name, command.about.replace(':', "\\:"));
        let _ = writeln!(list, "    {}", quoted(&entry));
        let first = first_word(command, commands);
        if !first.is_empty() {
            lines.push(quoted(&format!("1:{}:({})", command.words[0].name, first.join(" "))));
        }
        let _ = writeln!(cases, "      {}) _arguments {} ;;", command.name, lines.join(" "));
    }
    format!(
        "\
#compdef {PROGRAM}
# zsh completion for {PROGRAM}: put it as _{PROGRAM} into a folder of $fpath, or: source <({PROGRAM} completion zsh)
_{PROGRAM}() {{
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a commands=(
{list}  )
  _arguments -C {} '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument) case $line[1] in
{cases}    esac ;;
  esac
}}
if [[ $funcstack[1] == _{PROGRAM} ]]; then _{PROGRAM} \"$@\"; else compdef _{PROGRAM} {PROGRAM}; fi
",
        program.join(" ")
    )
}

/// One argument of `_arguments`.
fn zsh_flag(flag: &'static Flag) -> String {
    let about = flag.about.replace('[', "\\[").replace(']', "\\]");
    let (sign, value) = match flag.takes {
        Takes::Nothing => ("", String::new()),
        Takes::OneOf(values) => ("=", format!(":{}:({})", flag.name, values.join(" "))),
        Takes::Location => ("=", format!(":{}:_files", flag.name)),
        Takes::Text(_) | Takes::Command => ("=", format!(":{}: ", flag.name)),
    };
    match flag.short {
        // The long one takes `=value`, the short one the next word.
        Some(short) => {
            let pair = format!("(-{short} --{})", flag.name);
            let rest = quoted(&format!("[{about}]{value}"));
            format!("{}{{-{short},--{}{sign}}}{rest}", quoted(&pair), flag.name)
        }
        None => quoted(&format!("*--{}{sign}[{about}]{value}", flag.name)),
    }
}

fn fish(commands: &[&Command]) -> String {
    let names = named(commands).map(|it| it.name).collect::<Vec<_>>().join(" ");
    let text = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut out = format!(
        "# fish completion for {PROGRAM}: put it into ~/.config/fish/completions/{PROGRAM}.fish\ncomplete -c {PROGRAM} -f\n"
    );
    for command in commands {
        let when = match command.name {
            "" => format!("not __fish_seen_subcommand_from {names}"),
            name => format!("__fish_seen_subcommand_from {name}"),
        };
        let lead = format!("complete -c {PROGRAM} -n {}", text(&when));
        if command.name.is_empty() {
            for it in named(commands) {
                let _ = writeln!(out, "{lead} -a {} -d {}", it.name, text(it.about));
            }
        }
        let first = first_word(command, commands).join(" ");
        if !first.is_empty() {
            let _ = writeln!(out, "{lead} -a {}", text(&first));
        }
        for flag in command.all_flags() {
            let short = flag.short.map_or(String::new(), |it| format!(" -s {it}"));
            let value = match flag.takes {
                Takes::Nothing => String::new(),
                Takes::OneOf(values) => format!(" -x -a {}", text(&values.join(" "))),
                Takes::Location => " -r -F".into(),
                Takes::Text(_) | Takes::Command => " -x".into(),
            };
            let _ = writeln!(out, "{lead}{short} -l {}{value} -d {}", flag.name, text(flag.about));
        }
    }
    out
}

fn powershell(commands: &[&Command]) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let list = |values: &[String]| {
        let values: Vec<String> = values.iter().map(|it| text(it)).collect();
        format!("@({})", values.join(", "))
    };
    let mut table = String::new();
    for command in commands {
        let flags: Vec<String> = command.all_flags().flat_map(spellings).collect();
        let mut words: Vec<String> = match command.name {
            "" => named(commands).map(|it| it.name.to_owned()).collect(),
            _ => first_word(command, commands).into_iter().map(str::to_owned).collect(),
        };
        words.extend(flags);
        let _ = writeln!(table, "        {} = {}", text(command.name), list(&words));
        for flag in command.all_flags() {
            let Takes::OneOf(values) = flag.takes else { continue };
            let values: Vec<String> = values.iter().map(|it| (*it).to_owned()).collect();
            for spelling in spellings(flag) {
                let key = text(&format!("{} {spelling}", command.name));
                let _ = writeln!(table, "        {key} = {}", list(&values));
            }
        }
    }
    format!(
        "\
# PowerShell completion for {PROGRAM}: {PROGRAM} completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName '{PROGRAM}' -ScriptBlock {{
    param($wordToComplete, $commandAst, $cursorPosition)
    $table = @{{
{table}    }}
    $words = @($commandAst.CommandElements | ForEach-Object {{ $_.ToString() }} | Select-Object -Skip 1)
    if ($wordToComplete -ne '') {{ $words = @($words | Select-Object -SkipLast 1) }}
    $command = @($words | Where-Object {{ $_ -ne '' -and $table.ContainsKey($_) }})[0]
    $values = $table[\"$command $($words[-1])\"]
    if (-not $values) {{ $values = $table[\"$command\"] }}
    $values | Where-Object {{ $_ -like \"$wordToComplete*\" }} | ForEach-Object {{
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::COMMANDS;

    #[test]
    fn every_script_knows_every_command_and_flag() {
        for shell in SHELLS {
            let script = completion(shell, COMMANDS);
            for command in COMMANDS {
                assert!(script.contains(command.name), "{shell}: {}", command.name);
                for flag in command.all_flags() {
                    assert!(script.contains(flag.name), "{shell}: {}", flag.name);
                }
            }
        }
    }
}
