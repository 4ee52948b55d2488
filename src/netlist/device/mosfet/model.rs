//! The parameters of a transistor, and what they are at a temperature.

use super::super::Kind;
use super::super::junction::{
    band_gap, capacitance_factor, critical_voltage, potential_at, thermal_voltage,
};
use super::super::parameters::{parameters, words};
use super::channel::Channel;
use crate::numerics::math::{exp, pow, sqrt};
use crate::units::{Ampere, Dimension as D, Farad, Kelvin, Metre, Ohm, Range as R, Volt};

words! {
    /// The charge of the carriers in the channel.
    pub enum Polarity {
        /// Electrons: conducts with the gate high.
        Nmos = "nmos",
        /// Holes: conducts with the gate low.
        Pmos = "pmos",
    }
}

impl Polarity {
    /// By what voltages and currents are multiplied to be those of an n-channel transistor.
    pub(super) fn sign(self) -> f64 {
        match self {
            Polarity::Nmos => 1.0,
            Polarity::Pmos => -1.0,
        }
    }
}

parameters! {
    /// What a level 1 transistor is made of, at the temperature `tnom`.
    pub struct MosfetModel {
        /// carriers of the channel
        polarity: Polarity = "polarity", Kind::Word { choices: Polarity::CHOICES };
        /// width of the channel
        w: Metre = "w", Kind::defaulted(D::Metre, R::Positive, "100 um");
        /// drawn length of the channel
        l: Metre = "l", Kind::defaulted(D::Metre, R::Positive, "100 um");
        /// threshold voltage without body effect; of a pmos it is below zero
        vto: Volt = "vto", Kind::defaulted(D::Volt, R::Any, "0 V");
        /// transconductance parameter; where left out, mobility times 3.9 eps0 / tox, or 20 uA/V^2 without tox
        kp: Option<f64> = "kp", Kind::optional(D::AmperePerSquareVolt, R::Positive);
        /// surface mobility, of use where kp is left out
        mobility: f64 = "mobility", Kind::defaulted(D::SquareMetrePerVoltSecond, R::Positive, "0.06 m^2/Vs");
        /// thickness of the gate oxide; where left out, the channel has no gate capacitance
        tox: Option<f64> = "tox", Kind::optional(D::Metre, R::Positive);
        /// body effect coefficient
        gamma: f64 = "gamma", Kind::defaulted(D::RootVolt, R::NonNegative, "0 V^0.5");
        /// surface potential at strong inversion
        phi: Volt = "phi", Kind::defaulted(D::Volt, R::Positive, "0.6 V");
        /// channel length modulation
        lambda: f64 = "lambda", Kind::defaulted(D::PerVolt, R::NonNegative, "0 1/V");
        /// lateral diffusion, by which the channel is shorter at either end
        ld: Metre = "ld", Kind::defaulted(D::Metre, R::NonNegative, "0 m");
        /// series resistance of the drain
        rd: Ohm = "rd", Kind::defaulted(D::Ohm, R::NonNegative, "0 ohm");
        /// series resistance of the source
        rs: Ohm = "rs", Kind::defaulted(D::Ohm, R::NonNegative, "0 ohm");
        /// saturation current of a bulk junction
        is: Ampere = "is", Kind::defaulted(D::Ampere, R::Positive, "10 fA");
        /// saturation current density of the bulk junctions, in place of is where js, ad, as are all above zero
        js: f64 = "js", Kind::defaulted(D::AmperePerSquareMetre, R::NonNegative, "0 A/m^2");
        /// area of the drain
        ad: f64 = "ad", Kind::defaulted(D::SquareMetre, R::NonNegative, "0 m^2");
        /// area of the source
        area_s: f64 = "as", Kind::defaulted(D::SquareMetre, R::NonNegative, "0 m^2");
        /// perimeter of the drain
        pd: Metre = "pd", Kind::defaulted(D::Metre, R::NonNegative, "0 m");
        /// perimeter of the source
        ps: Metre = "ps", Kind::defaulted(D::Metre, R::NonNegative, "0 m");
        /// built-in potential of the bulk junctions
        pb: Volt = "pb", Kind::defaulted(D::Volt, R::Positive, "0.8 V");
        /// share of pb from which on their capacitance grows in a straight line
        fc: f64 = "fc", Kind::defaulted(D::One, R::FractionBelowOne, "0.5");
        /// capacitance of the drain's junction at 0 V; where left out, cj ad
        cbd: Option<f64> = "cbd", Kind::optional(D::Farad, R::NonNegative);
        /// capacitance of the source's junction at 0 V; where left out, cj as
        cbs: Option<f64> = "cbs", Kind::optional(D::Farad, R::NonNegative);
        /// capacitance of the junctions' bottoms at 0 V
        cj: f64 = "cj", Kind::defaulted(D::FaradPerSquareMetre, R::NonNegative, "0 F/m^2");
        /// grading coefficient of the bottoms
        mj: f64 = "mj", Kind::defaulted(D::One, R::FractionBelowOne, "0.5");
        /// capacitance of the junctions' sidewalls at 0 V
        cjsw: f64 = "cjsw", Kind::defaulted(D::FaradPerMetre, R::NonNegative, "0 F/m");
        /// grading coefficient of the sidewalls
        mjsw: f64 = "mjsw", Kind::defaulted(D::One, R::FractionBelowOne, "0.5");
        /// overlap of gate and source for the width
        cgso: f64 = "cgso", Kind::defaulted(D::FaradPerMetre, R::NonNegative, "0 F/m");
        /// overlap of gate and drain for the width
        cgdo: f64 = "cgdo", Kind::defaulted(D::FaradPerMetre, R::NonNegative, "0 F/m");
        /// overlap of gate and bulk for the length
        cgbo: f64 = "cgbo", Kind::defaulted(D::FaradPerMetre, R::NonNegative, "0 F/m");
        /// temperature at which all of this holds
        tnom: Kelvin = "tnom", Kind::defaulted(D::Kelvin, R::Positive, "300.15 K");
        /// coefficient of the flicker noise, `kf i^af / (f w l cox^2)` with the oxide's capacitance cox for the area, that of 100 nm without tox
        kf: f64 = "kf", Kind::defaulted(D::One, R::NonNegative, "0");
        /// exponent of the flicker noise
        af: f64 = "af", Kind::defaulted(D::One, R::Positive, "1");
    }
}

/// The permittivity of silicon dioxide, to the digits of SPICE \[F/m\].
const OXIDE: f64 = 3.9 * 8.854_214_871e-12;

/// A bulk junction at a temperature.
pub(super) struct BulkJunction {
    pub vt: Volt,
    pub is: Ampere,
    pub critical: Volt,
    /// Capacitance at 0 V and grading coefficient of the bottom and of the sidewall.
    pub parts: [(Farad, f64); 2],
    pub potential: Volt,
    pub fc: f64,
}

impl MosfetModel {
    pub(super) fn length(&self) -> Metre {
        self.l - 2.0 * self.ld
    }

    /// Of the whole gate; 0 without `tox`.
    pub(super) fn oxide_capacitance(&self) -> Farad {
        self.tox.map_or(0.0, |tox| OXIDE / tox * self.w * self.length())
    }

    /// The law of the channel at a temperature.
    pub(super) fn channel(&self, t: Kelvin) -> Channel {
        let cold = self.tox.map_or(2e-5, |tox| self.mobility * OXIDE / tox);
        let mut kp = self.kp.unwrap_or(cold);
        let (sign, mut phi) = (self.polarity.sign(), self.phi);
        let mut flat = sign * self.vto - self.gamma * sqrt(phi);
        if t != self.tnom {
            kp /= pow(t / self.tnom, 1.5);
            phi = potential_at(self.phi, self.tnom, t);
            flat += 0.5 * (sign * (band_gap(self.tnom) - band_gap(t)) + phi - self.phi);
        }
        let beta = kp * self.w / self.length();
        Channel { beta, lambda: self.lambda, gamma: self.gamma, phi, flat }
    }

    /// The junctions of the bulk with drain and source at a temperature.
    pub(super) fn junctions(&self, t: Kelvin) -> [BulkJunction; 2] {
        let vt = thermal_voltage(t);
        let by_area = self.js > 0.0 && self.ad > 0.0 && self.area_s > 0.0;
        let (mut hotter, mut bottom, mut sidewall) = (1.0, 1.0, 1.0);
        if t != self.tnom {
            let cold = band_gap(self.tnom) / thermal_voltage(self.tnom);
            hotter = exp(cold - band_gap(t) / vt);
            bottom = capacitance_factor(self.pb, self.mj, self.tnom, t);
            sidewall = capacitance_factor(self.pb, self.mjsw, self.tnom, t);
        }
        let sides = [(self.ad, self.pd, self.cbd), (self.area_s, self.ps, self.cbs)];
        sides.map(|(area, perimeter, given)| {
            let is = hotter * if by_area { self.js * area } else { self.is };
            BulkJunction {
                vt,
                is,
                critical: critical_voltage(vt, is),
                parts: [
                    (bottom * given.unwrap_or(self.cj * area), self.mj),
                    (sidewall * self.cjsw * perimeter, self.mjsw),
                ],
                potential: potential_at(self.pb, self.tnom, t),
                fc: self.fc,
            }
        })
    }

    /// The spectral density of the flicker noise of a drain current at 1 Hz \[A^2/Hz\].
    pub(super) fn flicker(&self, i: Ampere) -> f64 {
        let cox = OXIDE / self.tox.unwrap_or(1e-7);
        self.kf * pow(i.abs(), self.af) / (self.w * self.length() * cox * cox)
    }
}
