//! Which objects a command is about: `KIND NAME…`, `KIND/NAME…`, `KIND -l SELECTOR`, `-f FILE`.
//!
//! Upstream: cli-runtime's `pkg/resource/builder.go`.

use crate::kubectl::kind::{KINDS, Kind};
use crate::kubectl::selector::{FieldSelector, LabelSelector};

use super::flags::invalid;
use super::suggest::nearest;
use super::words::Word;
use super::{File, Line, ObjectRef, ParseError, Selection, Targets};

/// Whether a kind alone means all objects of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KindAlone {
    /// As for `get`.
    All,
    /// As for `delete`, which asks for a name, `-l` or `--all`.
    Refused,
}

/// The targets of a command whose words are all about objects.
pub(super) fn targets(line: &Line, alone: KindAlone) -> Result<Targets, ParseError> {
    of_words(line, &line.args.words, alone)
}

/// The targets that these words name, or the flags.
pub(super) fn of_words(
    line: &Line,
    words: &[Word],
    alone: KindAlone,
) -> Result<Targets, ParseError> {
    let files = files(line)?;
    if let Some(first) = words.first().filter(|_| !files.is_empty()) {
        return Err(first.wrong(
            "when paths, URLs, or stdin is provided as resource input, you may not specify \
             resource arguments as well",
        ));
    }
    if !files.is_empty() {
        return Ok(Targets::Files(files));
    }
    let Some(first) = words.first() else {
        return Err(line
            .missing("the objects are missing")
            .with_help("name them as `KIND NAME` or `KIND/NAME`, or a manifest with `-f FILE`"));
    };
    let (labels, fields) = selectors(line)?;
    if first.text.contains('/') {
        if let Some(flag) = labels.as_ref().map(|(word, _)| word) {
            return Err(flag.wrong("selectors cannot be used with names"));
        }
        return slashed(words).map(Targets::Named);
    }
    let kinds = kinds(first)?;
    let everything = line.args.switch("all")?;
    let names = &words[1..];
    if let Some(name) = names.first() {
        if labels.is_some() || fields.is_some() {
            return Err(name.wrong("name cannot be provided when a selector is specified"));
        }
        if everything {
            return Err(name.wrong("name cannot be provided with --all"));
        }
        return named(&kinds, first, names).map(Targets::Named);
    }
    if alone == KindAlone::Refused && labels.is_none() && fields.is_none() && !everything {
        return Err(first
            .wrong("resource(s) were provided, but no name was specified")
            .with_help("give a name, or `-l SELECTOR` or `--all` where the command takes them"));
    }
    Ok(Targets::Selected(Selection {
        kinds,
        labels: labels.map(|(_, labels)| labels).unwrap_or_default(),
        fields: fields.unwrap_or_default(),
    }))
}

/// `-f`, once or more; `-` is the here-document.
pub(super) fn files(line: &Line) -> Result<Vec<File>, ParseError> {
    let recursive = line.args.switch("recursive")?;
    line.args
        .all("filename")
        .flat_map(|word| word.text.split(',').map(move |path| (word, path)))
        .map(|(word, path)| {
            if path != "-" {
                return Ok(File::Path {
                    path: path.to_owned(),
                    range: word.range.clone(),
                    recursive,
                });
            }
            let input = line.input.as_ref().ok_or_else(|| {
                word.wrong("there is nothing on the standard input")
                    .with_help("let a here-document follow: `<<'EOF'`, the manifest, `EOF`")
            })?;
            Ok(File::Here {
                text: input.text.clone(),
                range: input.range.clone(),
            })
        })
        .collect()
}

type Selectors<'a> = (Option<(&'a Word, LabelSelector)>, Option<FieldSelector>);

fn selectors(line: &Line) -> Result<Selectors<'_>, ParseError> {
    let labels = match line.args.last("selector") {
        Some(word) => Some((word, label_selector(word)?)),
        None => None,
    };
    let fields = match line.args.last("field-selector") {
        Some(word) => Some(FieldSelector::parse(&word.text).map_err(|error| word.wrong(error))?),
        None => None,
    };
    if let Some((word, _)) = labels
        .as_ref()
        .filter(|_| line.args.switch("all") == Ok(true))
    {
        return Err(word.wrong("cannot set --all and --selector at the same time"));
    }
    if let Some(word) = line.args.last("field-selector")
        && line.args.switch("all") == Ok(true)
    {
        return Err(word.wrong("cannot set --all and --field-selector at the same time"));
    }
    Ok((labels, fields))
}

pub(super) fn label_selector(word: &Word) -> Result<LabelSelector, ParseError> {
    LabelSelector::parse(&word.text).map_err(|error| {
        invalid(word, "selector", "a selector such as `app=web,tier!=cache`").with_help(error)
    })
}

/// `deploy/web hpa/web`.
fn slashed(words: &[Word]) -> Result<Vec<ObjectRef>, ParseError> {
    words.iter().map(object_ref).collect()
}

/// `KIND/NAME`.
pub(super) fn object_ref(word: &Word) -> Result<ObjectRef, ParseError> {
    let mut parts = word.text.splitn(2, '/');
    let (kind, name) = (parts.next().unwrap_or_default(), parts.next());
    let name = name.ok_or_else(|| {
        word.wrong(
            "there is no need to specify a resource type as a separate argument when \
                    passing arguments in resource/name form",
        )
        .with_help("name every object as `KIND/NAME`")
    })?;
    if name.is_empty() || name.contains('/') {
        return Err(word.wrong(
            "arguments in resource/name form may not have more than one slash, and need a name",
        ));
    }
    let kind_word = Word {
        text: kind.to_owned(),
        range: word.range.clone(),
    };
    Ok(ObjectRef {
        kind: kind_of(&kind_word)?,
        name: name.to_owned(),
        range: word.range.clone(),
    })
}

fn named(
    kinds: &[&'static Kind],
    kind_word: &Word,
    names: &[Word],
) -> Result<Vec<ObjectRef>, ParseError> {
    if kind_word.text == "all" {
        return Err(kind_word.wrong("`all` takes no names"));
    }
    let mut found = Vec::new();
    for kind in kinds {
        for name in names {
            if name.text.contains('/') {
                return Err(name
                    .wrong(
                        "there is no need to specify a resource type as a separate argument \
                            when passing arguments in resource/name form",
                    )
                    .with_help(format!("leave out `{}`", kind_word.text)));
            }
            found.push(ObjectRef {
                kind,
                name: name.text.clone(),
                range: name.range.clone(),
            });
        }
    }
    Ok(found)
}

/// `pods`, `deploy,hpa` or `all`.
fn kinds(word: &Word) -> Result<Vec<&'static Kind>, ParseError> {
    let mut found = Vec::new();
    for typed in word.text.split(',') {
        if typed == "all" {
            found.extend(KINDS.iter().filter(|kind| kind.in_all));
            continue;
        }
        let part = Word {
            text: typed.to_owned(),
            range: word.range.clone(),
        };
        found.push(kind_of(&part)?);
    }
    Ok(found)
}

pub(super) fn kind_of(word: &Word) -> Result<&'static Kind, ParseError> {
    Kind::named(&word.text).ok_or_else(|| {
        let help = nearest(&word.text, Kind::names()).map_or_else(
            || "kinds go by names such as `deployment`, `deploy` or `deployments.apps`".into(),
            |name| format!("did you mean `{name}`?"),
        );
        word.wrong(format!(
            "the server doesn't have a resource type \"{}\"",
            word.text
        ))
        .with_help(help)
    })
}

/// Refuses targets of kinds that a command cannot deal with. `what` completes "a Job …".
pub(super) fn only(
    line: &Line,
    targets: &Targets,
    kinds: &[&str],
    what: &str,
) -> Result<(), ParseError> {
    let wrong = |kind: &Kind, range: std::ops::Range<usize>| ParseError {
        range,
        message: format!("a {kind} {what}"),
        help: Some(format!("what can: {}", kinds.join(", "))),
    };
    let fits = |kind: &Kind| kinds.contains(&kind.kind);
    match targets {
        Targets::Files(_) => Ok(()),
        Targets::Named(objects) => match objects.iter().find(|object| !fits(object.kind)) {
            None => Ok(()),
            Some(object) => Err(wrong(object.kind, object.range.clone())),
        },
        Targets::Selected(selection) => match selection.kinds.iter().find(|kind| !fits(kind)) {
            None => Ok(()),
            Some(kind) => {
                let words = &line.args.words;
                let word = words.first().unwrap_or(&line.command);
                Err(wrong(kind, word.range.clone()))
            }
        },
    }
}
