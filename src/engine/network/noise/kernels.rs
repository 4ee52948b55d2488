//! Loops over the nodes of a batch in lanes.

use multiversion::multiversion;

use crate::numerics::kernels::Real;

macro_rules! kernels {
    ($($(#[$doc:meta])* fn $name:ident $(<$t:ident>)? ($($arg:ident: $of:ty),*) $(-> $out:ty)? $body:block)*) => {$(
        $(#[$doc])*
        #[multiversion(targets(
            "x86_64+avx512f+avx512dq+avx512bw+avx512vl", "x86_64+avx2", "aarch64+neon"
        ))]
        pub(super) fn $name $(<$t: Real>)? ($($arg: $of),*) $(-> $out)? $body
    )*};
}

kernels! {
    /// Processes go on: shares of where they are, of where they will be at the end and of normal
    /// numbers.
    fn bridge(now: &mut [f32], end: &[f32], z: &[f32], shares: [f32; 3]) {
        for ((now, &end), &z) in now.iter_mut().zip(end).zip(z) {
            *now = shares[0] * *now + shares[1] * end + shares[2] * z;
        }
    }

    /// `to <- to + amplitude x`
    fn add_product<T>(to: &mut [T], amplitude: &[T], x: &[f32]) {
        for ((to, &amplitude), &x) in to.iter_mut().zip(amplitude).zip(x) {
            *to = *to + amplitude * T::from(x);
        }
    }

    /// `out = amplitude x`
    fn product<T>(out: &mut [T], amplitude: &[T], x: &[f32]) {
        for ((out, &amplitude), &x) in out.iter_mut().zip(amplitude).zip(x) {
            *out = amplitude * T::from(x);
        }
    }

    /// `x <- sqrt(x)`
    fn roots(x: &mut [f64]) {
        for x in x {
            *x = x.sqrt();
        }
    }

    /// Whether cells with traps are up, `is_up = u < up`.
    fn compare(u: &[f64], up: f64, is_up: &mut [bool]) {
        for (is_up, &u) in is_up.iter_mut().zip(u) {
            *is_up = u < up;
        }
    }

    /// What a cell with a trap adds to a node of every lane, up or down, `across` volts of which it
    /// is up the share `up`: `swing across (is_up - up)`.
    fn stand(to: &mut [f64], across: &[f64], is_up: &[bool], swing: f64, up: f64) {
        for ((to, &across), &is_up) in to.iter_mut().zip(across).zip(is_up) {
            *to += swing * across * ((if is_up { 1.0 } else { 0.0 }) - up);
        }
    }

    /// Whether the trap of any lane moves: a number is not below that of where it is.
    fn any_moves(u: &[f64], is_up: &[bool], stays: [f64; 2]) -> bool {
        let moves = |(&u, &is_up): (&f64, &bool)| u >= if is_up { stays[1] } else { stays[0] };
        u.iter().zip(is_up).map(moves).fold(false, |any, moves| any | moves)
    }

    /// `out = sign line - nu`
    fn volts<T>(line: &[T], nu: &[f64], sign: f64, out: &mut [f64]) {
        for ((out, &line), &nu) in out.iter_mut().zip(line).zip(nu) {
            *out = sign * line.to_f64() - nu;
        }
    }
}
