//! Binary raw files, all plots of one.

use nalgebra::Complex;

use crate::simulators::Plot;

/// Reads text lines up to `Binary:`, then doubles, point by point, again and again.
pub fn read(mut bytes: &[u8]) -> Result<Vec<Plot>, String> {
    let mark = b"Binary:\n";
    let mut plots = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(mark.len()).position(|w| w == mark).ok_or("no `Binary:`")?;
        let header = std::str::from_utf8(&bytes[..end]).map_err(|e| e.to_string())?;
        let value = |key: &str| header.lines().find_map(|l| l.strip_prefix(key)).map(str::trim);
        let count = |key: &str| -> Result<usize, String> {
            let text = value(key).ok_or(format!("no `{key}`"))?;
            text.parse().map_err(|_| format!("`{key} {text}`"))
        };
        let (vectors, points) = (count("No. Variables:")?, count("No. Points:")?);
        let width = match value("Flags:").is_some_and(|flags| flags.contains("complex")) {
            true => 2,
            false => 1,
        };
        let list = header.lines().skip_while(|l| l.trim() != "Variables:").skip(1);
        let names: Vec<String> =
            list.map(|l| l.split_whitespace().nth(1).unwrap_or_default().to_lowercase()).collect();
        let size = 8 * width * vectors * points;
        let rest = &bytes[end + mark.len()..];
        if names.len() != vectors || rest.len() < size {
            return Err("it is cut short".into());
        }
        let doubles: Vec<f64> = rest[..size]
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")))
            .collect();
        let at = |point: usize, vector: usize| {
            let k = width * (point * vectors + vector);
            Complex::new(doubles[k], if width == 2 { doubles[k + 1] } else { 0.0 })
        };
        let columns = (0..vectors).map(|v| (0..points).map(|p| at(p, v)).collect()).collect();
        plots.push(Plot { name: value("Plotname:").unwrap_or_default().into(), names, columns });
        bytes = &rest[size..];
    }
    Ok(plots)
}
