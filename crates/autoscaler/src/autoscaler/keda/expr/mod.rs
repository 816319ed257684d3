//! The numeric part of the expression language of `scalingModifiers.formula`.
//!
//! Follows expr-lang/expr 1.17: the same grammar, precedences, static types and run-time values,
//! as far as numbers, booleans, nil and arrays of them go. Text exists only as a literal that
//! `int` and `float` read; everything else the language has is refused when it is compiled.

mod ast;
mod builtins;
mod calls;
mod checker;
mod eval;
mod lexer;
mod parser;
mod value;

use std::collections::{BTreeMap, BTreeSet};

/// What is said of a part of the language that this does not have.
pub(super) const NOT_SIMULATED: &str = "is not simulated";

pub use value::Value;
pub(crate) use value::go_int;

/// A formula whose names and types have been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    root: ast::Node,
}

/// Compiles `source`; every name in `names` is a float.
///
/// The message of an error ends with the line and column of the place.
pub fn compile(source: &str, names: &BTreeSet<String>) -> Result<Program, String> {
    let bind = |fault: ast::Fault| fault.bind(source);
    let root = parser::parse(source).map_err(bind)?;
    checker::check(&root, names).map_err(bind)?;
    Ok(Program { root })
}

impl Program {
    /// Evaluates with these values; a name without a value is nil.
    pub fn run(&self, values: &BTreeMap<String, Value>) -> Result<Value, String> {
        eval::Machine::new(values).run(&self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, BTreeSet, Value, compile};

    fn run(source: &str) -> Result<Value, String> {
        let names: BTreeSet<String> = ["a", "b", "c"].map(str::to_owned).into();
        let values: BTreeMap<String, Value> = [("a", 4.5), ("b", 2.0)]
            .map(|(name, value)| (name.to_owned(), Value::Float(value)))
            .into();
        compile(source, &names)?.run(&values)
    }

    fn float(source: &str) -> f64 {
        match run(source) {
            Ok(Value::Float(number)) => number,
            other => panic!("{source}: {other:?}"),
        }
    }

    #[test]
    fn precedence_and_associativity_are_the_languages() {
        assert_eq!(float("-b ** 2"), -4.0);
        assert_eq!(float("2.0 ** 3 ** 2"), 512.0);
        assert_eq!(float("a - b - 1"), 1.5);
        assert_eq!(float("a + b * 2"), 8.5);
        assert_eq!(float("7 / 2"), 3.5);
        assert_eq!(run("1 < b < 3"), Ok(Value::Bool(true)));
        assert_eq!(run("not (a > 1) or b == 2"), Ok(Value::Bool(true)));
        assert_eq!(float("a > 1 ? a > 4 ? 1.0 : 2.0 : 3.0"), 1.0);
    }

    #[test]
    fn integers_and_floats_mix_as_in_go() {
        assert_eq!(run("7 % 4"), Ok(Value::Int(3)));
        assert_eq!(run("int(a) % 3"), Ok(Value::Int(1)));
        assert_eq!(run("2 + 3"), Ok(Value::Int(5)));
        assert_eq!(run("int('12')"), Ok(Value::Int(12)));
        assert_eq!(float("float('1.5')"), 1.5);
        assert_eq!(run("1 == 1.0"), Ok(Value::Bool(true)));
        assert_eq!(run("round(2.5)"), Ok(Value::Float(3.0)));
        assert!(run("1 % 0").is_err_and(|error| error == "integer divide by zero (1:3)"));
        assert!(run("1 % (int(b) - 2)").is_err());
        assert_eq!(float("a / 0"), f64::INFINITY);
    }

    #[test]
    fn nil_takes_part_only_in_equality_and_coalescing() {
        assert_eq!(run("c"), Ok(Value::Nil));
        assert_eq!(float("c ?? a"), 4.5);
        assert_eq!(run("c == nil"), Ok(Value::Bool(true)));
        assert_eq!(
            run("c + 1"),
            Err("invalid operation: <nil> + int".to_owned())
        );
        assert_eq!(
            run("c > 1"),
            Err("invalid operation: <nil> > int".to_owned())
        );
        assert_eq!(
            run("max(a, c)"),
            Err("invalid argument for max (type <nil>)".to_owned())
        );
    }

    #[test]
    fn functions_over_arrays() {
        assert_eq!(float("max(a, b, 3)"), 4.5);
        assert_eq!(run("min([a, 1, b])"), Ok(Value::Int(1)));
        assert_eq!(float("sum([a, b])"), 6.5);
        assert_eq!(float("sum([a, b], # * 2)"), 13.0);
        assert_eq!(float("mean([a, b])"), 3.25);
        assert_eq!(float("median([a, b, 10])"), 4.5);
        assert_eq!(run("count([a, b, 9], {# > 4})"), Ok(Value::Int(2)));
        assert_eq!(run("len(filter([a, b, 9], # > 4))"), Ok(Value::Int(2)));
        assert_eq!(float("[a, b] | filter(# > 3) | sum()"), 4.5);
        assert_eq!(float("reduce([a, b], #acc + #, 10)"), 16.5);
        assert_eq!(run("reduce(1..4, #acc * #)"), Ok(Value::Int(24)));
        assert_eq!(float("sort([a, b])[0]"), 2.0);
        assert_eq!(float("[a, b][-1]"), 2.0);
        assert_eq!(run("find([1, 2, 3], # > 1)"), Ok(Value::Int(2)));
        assert_eq!(run("find([1], # > 1)"), Ok(Value::Nil));
        assert_eq!(run("findIndex([1, 2, 3], # > 1)"), Ok(Value::Int(1)));
        assert_eq!(run("findIndex([1, 2, 3], # > 3)"), Ok(Value::Nil));
        assert_eq!(
            run("all([a, b], # > 1) && none([a], # < 1) && one([a, b], # > 4)"),
            Ok(Value::Bool(true))
        );
        assert_eq!(run("2 in [1, 2]"), Ok(Value::Bool(true)));
        assert_eq!(run("3 not in [1, 2]"), Ok(Value::Bool(true)));
        assert_eq!(float("let x = a * 2; x + 1"), 10.0);
        assert_eq!(float("if a > b { a } else { b }"), 4.5);
        assert_eq!(
            run("map([1, 2], #index + #)"),
            Ok(Value::Array(vec![Value::Int(1), Value::Int(3)]))
        );
    }

    #[test]
    fn bits_elements_and_the_environment() {
        assert_eq!(run("bitand(6, int(b))"), Ok(Value::Int(2)));
        assert_eq!(run("bitor(6, 1) + bitxor(6, 3)"), Ok(Value::Int(12)));
        assert_eq!(run("bitnand(7, 2)"), Ok(Value::Int(5)));
        assert_eq!(run("bitnot(0)"), Ok(Value::Int(-1)));
        assert_eq!(run("bitshl(1, 4) + bitshr(-8, 1)"), Ok(Value::Int(12)));
        assert_eq!(run("bitshl(1, 64) + bitshr(-8, 64)"), Ok(Value::Int(-1)));
        assert_eq!(run("bitushr(-1, 63)"), Ok(Value::Int(1)));
        assert_eq!(
            run("bitshl(1, -int(b))"),
            Err("invalid operation: negative shift count -2 (type int)".to_owned())
        );
        assert_eq!(
            run("bitand(1, first([a]))"),
            Err("cannot use float64 as argument (type int) to call bitand".to_owned())
        );
        assert_eq!(float("get([a, b], -1)"), 2.0);
        assert_eq!(run("get([a, b], 2)"), Ok(Value::Nil));
        assert_eq!(float("$env.a + $env['b'] + get($env, 'a')"), 11.0);
        assert_eq!(run("$env?.nosuch ?? 3"), Ok(Value::Int(3)));
        assert_eq!(float("sortBy([a, b, 3], -#)[0]"), 4.5);
        assert_eq!(float("sortBy([a, b, 3], #, 'desc') | last()"), 2.0);
        assert_eq!(
            run("sortBy([a], #, 'up')"),
            Err("unknown order, use asc or desc".to_owned())
        );
        assert_eq!(run("len('aä')"), Ok(Value::Int(2)));
    }

    #[test]
    fn long_and_deep_expressions_are_refused() {
        let message = |source: &str| run(source).expect_err("too much");
        let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(run(&nested(200)), Ok(Value::Int(1)));
        let too_deep = "the expression is nested too deep";
        for source in [
            nested(100_000),
            format!("{}1", "-".repeat(100_000)),
            format!("1{}", "+1".repeat(2000)),
            format!("a{}", "[0]".repeat(2000)),
            format!("{}1", "if true {1} else ".repeat(2000)),
            format!("{}a > 1{}", "(".repeat(60), " ?: true)".repeat(60)),
        ] {
            assert!(message(&source).starts_with(too_deep), "{source:.20}");
        }
        assert_eq!(run(&format!("1{}", "+1".repeat(900))), Ok(Value::Int(901)));
        let long = |length: usize| format!("len([{}])", vec!["1"; length].join(","));
        assert_eq!(run(&long(9_998)), Ok(Value::Int(9_998)));
        assert!(
            message(&long(10_001)).starts_with(
                "compilation failed: expression exceeds maximum allowed nodes (1:20007)"
            )
        );
    }

    #[test]
    fn the_memory_of_a_run_adds_up() {
        let exceeded = Err("memory budget exceeded".to_owned());
        assert_eq!(run("len(1..999999)"), Ok(Value::Int(999_999)));
        assert_eq!(run("len(1..1000000)"), exceeded);
        assert_eq!(run("len(1..600000) + len(1..600000)"), exceeded);
        assert_eq!(run("sum(1..900000, sum(1..900000, #))"), exceeded);
        assert_eq!(run("len(map(1..600000, 1))"), exceeded);
        assert_eq!(run("len(reverse(1..600000))"), exceeded);
        assert_eq!(run("count(1..900000, # > 5)"), Ok(Value::Int(899_995)));
        assert_eq!(run("len(5..1)"), Ok(Value::Int(0)));
    }

    #[test]
    fn what_is_not_a_number_can_be_sorted() {
        let items = "map(1..60, # % 7 == 0 ? 0.0 / 0 : # % 5 == 0 ? -0.0 / 0 : # % 11 * 1.5)";
        assert_eq!(run(&format!("len(sort({items}))")), Ok(Value::Int(60)));
        assert_eq!(float("sort([b, 1, a])[2]"), 4.5);
    }

    #[test]
    fn errors_of_compiling_name_the_place() {
        let message = |source: &str| run(source).expect_err(source);
        assert_eq!(message("a + nosuch"), "unknown name nosuch (1:5)");
        assert_eq!(
            message("a % 3"),
            "invalid operation: % (mismatched types float64 and int) (1:3)"
        );
        assert_eq!(
            message("float(a > 1)"),
            "invalid argument for float (type bool) (1:1)"
        );
        assert_eq!(
            message("a ?? b + 1"),
            "Operator (+) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses. (1:8)"
        );
        assert_eq!(
            message("a ? 1 : 2"),
            "non-bool expression (type float64) used as condition (1:1)"
        );
        assert_eq!(message("a +"), "unexpected token EOF (1:4)");
        assert_eq!(
            message("upper('x')"),
            "upper is not simulated: it is outside the numeric part of the expression language (1:1)"
        );
        assert_eq!(
            message("bitand(a, 3)"),
            "cannot use float64 as argument (type int) to call bitand  (1:8)"
        );
        assert_eq!(
            message("bitnot(1, 2)"),
            "too many arguments to call bitnot (1:1)"
        );
        assert_eq!(
            message("get(a, 0)"),
            "type float64 does not support indexing (1:5)"
        );
        assert_eq!(message("$env.nosuch"), "unknown name nosuch (1:5)");
        assert!(message("len($env)").starts_with("$env as a whole is not simulated"));
        assert_eq!(
            message("sortBy([a], #, 1)"),
            "sortBy order argument must be a string (got int) (1:16)"
        );
    }
}
