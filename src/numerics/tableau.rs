//! Explicit Runge-Kutta tables.

/// An embedded pair with dense output whose last stage is the slope at the end of the step
/// ("first same as last"), so an accepted step costs one evaluation less than it has stages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tableau {
    pub name: &'static str,
    /// Order of the solution carried on.
    pub order: usize,
    /// Order of the solution it is compared with.
    pub embedded_order: usize,
    /// Order of the dense output.
    pub dense_order: usize,
    /// Row `s` holds the weights of stages `0..=s` in stage `s + 1`; the last row is the solution.
    pub a: &'static [&'static [f64]],
    /// Weights of the error estimate, solution less embedded solution.
    pub error: &'static [f64],
    /// Dense output: `x(t + theta h) = x + h sum_i k_i sum_m dense[i][m] theta^(m + 1)`.
    pub dense: &'static [[f64; 4]],
}

impl Tableau {
    pub const ALL: [Tableau; 3] = [BOGACKI_SHAMPINE, DORMAND_PRINCE, TSITOURAS];

    /// Number of slopes a step combines.
    pub fn stages(&self) -> usize {
        self.a.len() + 1
    }
}

/// Bogacki and Shampine, A 3(2) pair of Runge-Kutta formulas, Applied Mathematics Letters 2
/// (1989) 321; dense output is the cubic Hermite interpolant.
pub const BOGACKI_SHAMPINE: Tableau = Tableau {
    name: "bogacki-shampine",
    order: 3,
    embedded_order: 2,
    dense_order: 3,
    a: &[&[1.0 / 2.0], &[0.0, 3.0 / 4.0], &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0]],
    error: &[2.0 / 9.0 - 7.0 / 24.0, 1.0 / 3.0 - 1.0 / 4.0, 4.0 / 9.0 - 1.0 / 3.0, -1.0 / 8.0],
    dense: &[
        [1.0, -4.0 / 3.0, 5.0 / 9.0, 0.0],
        [0.0, 1.0, -2.0 / 3.0, 0.0],
        [0.0, 4.0 / 3.0, -8.0 / 9.0, 0.0],
        [0.0, -1.0, 1.0, 0.0],
    ],
};

/// Dormand and Prince, A family of embedded Runge-Kutta formulae, Journal of Computational and
/// Applied Mathematics 6 (1980) 19; dense output by Shampine as given in Hairer, Norsett, Wanner,
/// Solving Ordinary Differential Equations I, section II.6, multiplied out.
pub const DORMAND_PRINCE: Tableau = Tableau {
    name: "dormand-prince",
    order: 5,
    embedded_order: 4,
    dense_order: 4,
    a: &[
        &[1.0 / 5.0],
        &[3.0 / 40.0, 9.0 / 40.0],
        &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
        &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
        &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
        &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    ],
    error: &[
        71.0 / 57600.0,
        0.0,
        -71.0 / 16695.0,
        71.0 / 1920.0,
        -17253.0 / 339_200.0,
        22.0 / 525.0,
        -1.0 / 40.0,
    ],
    dense: &[
        [1.0, -2.853_580_065_386_283_5, 3.071_743_464_105_900_5, -1.127_017_565_386_283_5],
        [0.0, 0.0, 0.0, 0.0],
        [0.0, 4.023_133_379_230_305, -6.249_321_565_289, 2.675_424_484_351_598],
        [0.0, -3.732_401_961_588_504, 10.068_970_589_843_675, -5.685_526_961_588_504],
        [0.0, 2.554_803_830_184_942_3, -6.399_112_377_351_017, 3.521_932_367_920_791],
        [0.0, -1.374_424_114_218_602_4, 3.272_657_752_246_729, -1.767_281_257_075_745_5],
        [0.0, 1.382_468_931_778_143_6, -3.764_937_863_556_287, 2.382_468_931_778_144],
    ],
};

/// Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying
/// assumption, Computers and Mathematics with Applications 62 (2011) 770, with its dense output
/// multiplied out.
pub const TSITOURAS: Tableau = Tableau {
    name: "tsitouras",
    order: 5,
    embedded_order: 4,
    dense_order: 4,
    a: &[
        &[0.161],
        &[-0.008_480_655_492_356_989, 0.335_480_655_492_357],
        &[2.897_153_057_105_493_5, -6.359_448_489_975_075, 4.362_295_432_869_581_5],
        &[
            5.325_864_828_439_257,
            -11.748_883_564_062_828,
            7.495_539_342_889_836_5,
            -0.092_495_066_361_755_25,
        ],
        &[
            5.861_455_442_946_42,
            -12.920_969_317_847_11,
            8.159_367_898_576_159,
            -0.071_584_973_281_401,
            -0.028_269_050_394_068_383,
        ],
        &[
            0.096_460_766_818_065_23,
            0.01,
            0.479_889_650_414_499_6,
            1.379_008_574_103_742,
            -3.290_069_515_436_081,
            2.324_710_524_099_774,
        ],
    ],
    error: &[
        -0.001_780_011_052_225_777,
        -0.000_816_434_459_656_746_9,
        0.007_880_878_010_261_995,
        -0.144_711_007_173_262_9,
        0.582_357_165_452_555_2,
        -0.458_082_105_929_186_97,
        1.0 / 66.0,
    ],
    dense: &[
        [1.0, -2.763_706_197_274_826, 2.913_255_461_821_912_6, -1.053_088_497_729_021_6],
        [0.0, 0.1317, -0.2234, 0.1017],
        [0.0, 3.930_296_236_894_751_6, -5.941_033_872_131_505, 2.490_627_285_651_253],
        [0.0, -12.411_077_166_933_676, 30.338_188_630_282_32, -16.548_102_889_244_902],
        [0.0, 37.509_313_416_511_04, -88.178_904_894_766_4, 47.379_521_962_819_28],
        [0.0, -27.896_526_289_197_286, 65.091_894_674_793_66, -34.870_657_861_496_61],
        [0.0, 1.5, -4.0, 2.5],
    ],
};
