//! The channel of an n-channel transistor: its current (Shichman and Hodges 1968) and its gate's
//! capacitances (Meyer 1971).

use crate::numerics::math::sqrt;
use crate::units::Volt;

/// The parameters of the law.
#[derive(Clone, Copy)]
pub(super) struct Channel {
    /// `kp w / l` \[A/V^2\]
    pub beta: f64,
    pub lambda: f64,
    pub gamma: f64,
    pub phi: Volt,
    /// The threshold less the body effect.
    pub flat: Volt,
}

/// A value with its slopes in the voltages of gate, drain and bulk over the source.
#[derive(Clone, Copy, Default)]
pub(super) struct Sloped {
    pub value: f64,
    pub by: [f64; 3],
}

impl Sloped {
    /// A value of (vgd, -vds, vbd), in terms of (vgs, vds, vbs).
    fn turned(self) -> Sloped {
        let [g, d, b] = self.by;
        Sloped { value: self.value, by: [g, -(g + d + b), b] }
    }

    /// Its value where a change of the voltages is taken as linear.
    pub fn ahead(self, change: [Volt; 3]) -> f64 {
        self.value + self.by.iter().zip(change).map(|(by, dv)| by * dv).sum::<f64>()
    }
}

impl Channel {
    /// The threshold at a bulk voltage, and its slope. With the bulk above the source the square
    /// root goes on as its tangent.
    pub fn threshold(&self, vbs: Volt) -> (Volt, f64) {
        let (root, slope) = if vbs <= 0.0 {
            let root = sqrt(self.phi - vbs);
            (root, -0.5 / root)
        } else {
            let root = sqrt(self.phi);
            let tangent = root - 0.5 * vbs / root;
            if tangent > 0.0 { (tangent, -0.5 / root) } else { (0.0, 0.0) }
        };
        (self.flat + self.gamma * root, self.gamma * slope)
    }

    /// The current from drain to source.
    pub fn current(&self, [vgs, vds, vbs]: [Volt; 3]) -> Sloped {
        if vds < 0.0 {
            let Sloped { value, by } = self.forward([vgs - vds, -vds, vbs - vds]).turned();
            return Sloped { value: -value, by: by.map(|slope| -slope) };
        }
        self.forward([vgs, vds, vbs])
    }

    fn forward(&self, [vgs, vds, vbs]: [Volt; 3]) -> Sloped {
        let (threshold, body) = self.threshold(vbs);
        let above = vgs - threshold;
        if above <= 0.0 {
            return Sloped::default();
        }
        let longer = 1.0 + self.lambda * vds;
        let beta = self.beta * longer;
        // Current and slopes in `above` and `vds`, without the channel's shortening.
        let (shape, by_above, by_vds) = if above <= vds {
            (0.5 * above * above, above, 0.0)
        } else {
            (vds * (above - 0.5 * vds), vds, above - vds)
        };
        let gm = beta * by_above;
        let gds = beta * by_vds + self.beta * self.lambda * shape;
        Sloped { value: beta * shape, by: [gm, gds, -gm * body] }
    }

    /// The capacitances of the gate to source, drain and bulk, in shares of the oxide's.
    pub fn gate_shares(&self, [vgs, vds, vbs]: [Volt; 3]) -> [Sloped; 3] {
        if vds < 0.0 {
            let [s, d, b] = self.forward_shares([vgs - vds, -vds, vbs - vds]);
            return [d.turned(), s.turned(), b.turned()];
        }
        self.forward_shares([vgs, vds, vbs])
    }

    fn forward_shares(&self, [vgs, vds, vbs]: [Volt; 3]) -> [Sloped; 3] {
        let (threshold, body) = self.threshold(vbs);
        let above = vgs - threshold;
        let shares = meyer(above, vds, self.phi);
        shares.map(|(value, by_above, by_vds)| Sloped {
            value,
            by: [by_above, by_vds, -by_above * body],
        })
    }
}

/// Below this the saturation voltage is not taken in the gate's capacitances, which would jump
/// where the channel opens at no voltage from drain to source.
const LEAST_SATURATION: Volt = 0.025;

/// Meyer's capacitances of the gate to source, drain and bulk, in shares of the oxide's, each with
/// its slopes in the gate voltage above threshold and in `vds >= 0`: accumulation, depletion, weak
/// inversion, and the triode law with its limit, saturation.
fn meyer(above: Volt, vds: Volt, phi: Volt) -> [(f64, f64, f64); 3] {
    const NONE: (f64, f64, f64) = (0.0, 0.0, 0.0);
    if above <= -phi {
        return [NONE, NONE, (1.0, 0.0, 0.0)];
    }
    let bulk = if above <= 0.0 { (-above / phi, -1.0 / phi, 0.0) } else { NONE };
    if above <= -0.5 * phi {
        return [NONE, NONE, bulk];
    }
    // What gate to source has in saturation.
    let (full, full_by_above) = if above <= 0.0 {
        (4.0 / 3.0 * above / phi + 2.0 / 3.0, 4.0 / 3.0 / phi)
    } else {
        (2.0 / 3.0, 0.0)
    };
    let (sat, sat_by_above) =
        if above > LEAST_SATURATION { (above, 1.0) } else { (LEAST_SATURATION, 0.0) };
    if vds >= sat {
        return [(full, full_by_above, 0.0), NONE, bulk];
    }
    // full (1 - (a / c)^2) with c = 2 sat - vds.
    let c = 2.0 * sat - vds;
    let share = |a: f64, a_by_sat: f64, a_by_vds: f64| {
        let r = a / c;
        let (by_sat, by_vds) = ((a_by_sat - 2.0 * r) / c, (a_by_vds + r) / c);
        let open = 1.0 - r * r;
        (
            full * open,
            full_by_above * open - 2.0 * full * r * by_sat * sat_by_above,
            -2.0 * full * r * by_vds,
        )
    };
    [share(sat - vds, 1.0, -1.0), share(sat, 1.0, 0.0), bulk]
}
