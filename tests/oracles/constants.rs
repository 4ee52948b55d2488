//! ngspice 39 computes with the constants of 2014; ours are those of the SI since 2019. The quotient
//! k / q differs by 3.4e-7, which a junction's exponential makes 1e-5 of its current. Temperatures
//! are therefore given to ngspice a little higher, so that k T / q is the same in both.

/// k / q since 2019 over that of CODATA 2014.
const RATIO: f64 = (1.380649e-23 / 1.602176634e-19) / (1.38064852e-23 / 1.6021766208e-19);

const ZERO: f64 = 273.15;

/// The temperature \[C\] for ngspice.
fn raised(celsius: f64) -> f64 {
    (celsius + ZERO) * RATIO - ZERO
}

/// A deck for ngspice with its temperatures raised, those that it leaves to default too. One that
/// sweeps or reads the temperature stays as it is.
pub fn raise(spice: &str) -> String {
    let lower = spice.to_lowercase();
    let mut code = lower.lines().filter(|l| !l.starts_with('*'));
    if code.any(|l| l.starts_with(".dc temp") || l.contains("temper")) {
        return spice.into();
    }
    let (mut temperature, mut nominal) = (false, false);
    let mut text = String::new();
    for line in spice.lines() {
        let small = line.to_lowercase();
        let mut line = line.to_owned();
        if small.starts_with(".temp ") {
            let number = small.trim_start_matches(".temp ").trim();
            line = format!(".temp {}", raised(number.parse().expect("a temperature")));
            temperature = true;
        } else if !small.starts_with('*')
            && let Some(at) = small.find("tnom=")
        {
            let start = at + "tnom=".len();
            let end = small[start..].find([' ', ')']).map_or(small.len(), |e| start + e);
            let number: f64 = small[start..end].parse().expect("a temperature");
            line.replace_range(start..end, &raised(number).to_string());
            nominal |= small.starts_with(".options");
        }
        text += &line;
        text.push('\n');
    }
    if !temperature {
        text += &format!(".temp {}\n", raised(27.0));
    }
    if !nominal {
        text += &format!(".options tnom={}\n", raised(27.0));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_raised_where_they_are_given_and_where_they_are_not() {
        assert!((raised(27.0) - 27.000_101_88).abs() < 1e-7, "{}", raised(27.0));
        let plain = raise("t\nr1 a 0 1\n.op\n");
        assert!(plain.contains("\n.temp 27.000") && plain.contains("\n.options tnom=27.000"));
        let text = raise("t\n* tnom=5 stays\n.options reltol=1e-6 tnom=25\n.temp -23\n");
        assert!(text.contains("tnom=5 stays\n.options reltol=1e-6 tnom=25.0001"), "{text}");
        assert!(text.contains("\n.temp -22.99991"), "{text}");
        let model = raise("t\n.model d d(is=1e-14 tnom=50)\n.temp 27\n");
        assert!(model.contains("tnom=50.0001") && model.contains(".options tnom=27.0"), "{model}");
        let swept = "t\n.dc temp 0 50 10\n";
        assert_eq!(raise(swept), swept);
    }
}
