//! How far a Newton step may take the voltages of a transistor (the rules of SPICE3; Nagel 1975).

use super::super::junction::limit_junction;
use super::channel::Channel;
use super::model::BulkJunction;
use crate::units::Volt;

/// The voltages of gate, drain and bulk over the source at which to linearise. Where nothing is
/// held back they are those given, to the bit.
pub(super) fn limit(
    channel: &Channel,
    [drain, source]: &[BulkJunction; 2],
    v: [Volt; 3],
    before: [Volt; 3],
) -> [Volt; 3] {
    let [vgs, vds, vbs] = v;
    let [old_vgs, old_vds, old_vbs] = before;
    // The threshold on the side that was the source.
    let (threshold, _) = channel.threshold(old_vbs - old_vds.min(0.0));
    let (vgs, vds) = if old_vds >= 0.0 {
        let held = limit_gate(vgs, old_vgs, threshold);
        (held, limit_drain(vds + (held - vgs), old_vds))
    } else {
        let vgd = vgs - vds;
        let back = limit_gate(vgd, old_vgs - old_vds, threshold) - vgd;
        let held = -limit_drain(back - vds, -old_vds);
        (vgs + (back + (held - vds)), held)
    };
    let vbs = if vds >= 0.0 {
        limit_junction(vbs, old_vbs, source.vt, source.critical)
    } else {
        let (vbd, old) = (vbs - v[1], old_vbs - old_vds);
        let back = limit_junction(vbd, old, drain.vt, drain.critical) - vbd;
        vbs + (back + (vds - v[1]))
    };
    [vgs, vds, vbs]
}

/// A gate may not jump across its threshold, and when on not much further than it is from it.
fn limit_gate(v: Volt, before: Volt, threshold: Volt) -> Volt {
    let far = (2.0 * (before - threshold)).abs() + 2.0;
    let near = 0.5 * far + 2.0;
    let well_on = threshold + 3.5;
    if before < threshold {
        return if v <= before {
            v.max(before - far)
        } else if v <= threshold + 0.5 {
            v.min(before + near)
        } else {
            threshold + 0.5
        };
    }
    match (before >= well_on, v > before) {
        (true, true) => v.min(before + far),
        (true, false) if v >= well_on => v.max(before - near),
        (true, false) => v.max(threshold + 2.0),
        (false, true) => v.min(threshold + 4.0),
        (false, false) => v.max(threshold - 0.5),
    }
}

/// A drain may not move by more than three times what it has.
fn limit_drain(v: Volt, before: Volt) -> Volt {
    match (before >= 3.5, v > before) {
        (true, true) => v.min(3.0 * before + 2.0),
        (true, false) if v < 3.5 => v.max(2.0),
        (true, false) => v,
        (false, true) => v.min(4.0),
        (false, false) => v.max(-0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change by rounding would count as held back, and the iteration would never end.
    #[test]
    fn what_is_not_held_back_stays_to_the_bit() {
        let channel = Channel { beta: 1e-3, lambda: 0.02, gamma: 0.4, phi: 0.65, flat: 0.4 };
        let junction = || BulkJunction {
            vt: 0.025,
            is: 1e-14,
            critical: 0.7,
            parts: [(0.0, 0.5); 2],
            potential: 0.8,
            fc: 0.5,
        };
        for vds in [1e-9, 0.1, 3.7, 0.0, -1e-9, -0.1, -3.7] {
            let v: [Volt; 3] = [2.9, vds, -0.3];
            let before = v.map(|v| v * (1.0 + 1e-6));
            let held = limit(&channel, &[junction(), junction()], v, before);
            assert_eq!(held.map(f64::to_bits), v.map(f64::to_bits), "vds {vds}");
        }
    }
}
