//! Colours of the charts, light and dark.
//!
//! Lines take their colours from Okabe and Ito's palette, whose members colour-blind readers
//! can tell apart; heat maps use viridis, whose lightness grows evenly.

/// A colour and how opaque it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Color {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 0 invisible, 1 opaque.
    pub alpha: f64,
}

impl Color {
    /// An opaque colour, written as in HTML.
    pub const fn hex(code: u32) -> Self {
        Self {
            rgb: [(code >> 16) as u8, (code >> 8) as u8, code as u8],
            alpha: 1.0,
        }
    }

    /// The colour, this opaque.
    #[must_use]
    pub const fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// The opaque colour between this (0) and another (1).
    #[must_use]
    pub fn mix(self, other: Self, share: f64) -> Self {
        let channel = |i: usize| {
            let (a, b) = (f64::from(self.rgb[i]), f64::from(other.rgb[i]));
            (a + (b - a) * share.clamp(0.0, 1.0)).round() as u8
        };
        Self {
            rgb: [channel(0), channel(1), channel(2)],
            alpha: 1.0,
        }
    }

    /// How light it looks, from 0 to 1 (Rec. 709 weights on the encoded channels).
    pub fn lightness(self) -> f64 {
        let [r, g, b] = self.rgb.map(f64::from);
        (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255.0
    }
}

/// The colours of a chart by their purpose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theme {
    /// Paper.
    pub paper: Color,
    /// Titles.
    pub ink: Color,
    /// Other texts.
    pub muted: Color,
    /// Base lines.
    pub axis: Color,
    /// Cells without a figure.
    pub blank: Color,
    /// Blue, orange, green, purple, sky blue, vermilion, yellow, grey.
    pub series: [Color; 8],
}

impl Theme {
    /// Dark on white.
    pub const LIGHT: Self = Self {
        paper: Color::hex(0xFF_FF_FF),
        ink: Color::hex(0x1A_1F_29),
        muted: Color::hex(0x55_5E_6B),
        axis: Color::hex(0x8A_93_9E),
        blank: Color::hex(0xE7_EA_EE),
        series: [
            Color::hex(0x00_72_B2),
            Color::hex(0xE6_9F_00),
            Color::hex(0x00_9E_73),
            Color::hex(0xAA_4D_88),
            Color::hex(0x56_B4_E9),
            Color::hex(0xD5_5E_00),
            Color::hex(0xC9_B4_00),
            Color::hex(0x8A_93_9E),
        ],
    };

    /// Light on dark: the same hues, lightened.
    pub const DARK: Self = Self {
        paper: Color::hex(0x12_16_1C),
        ink: Color::hex(0xEC_EF_F3),
        muted: Color::hex(0xA3_AD_B8),
        axis: Color::hex(0x6B_75_80),
        blank: Color::hex(0x28_2F_38),
        series: [
            Color::hex(0x4A_A8_E0),
            Color::hex(0xF0_B4_30),
            Color::hex(0x2F_C4_97),
            Color::hex(0xD6_86_BA),
            Color::hex(0x8A_CF_F5),
            Color::hex(0xF0_81_2E),
            Color::hex(0xF0_E4_42),
            Color::hex(0x8A_93_9E),
        ],
    };

    /// Desired values, the median, the first of several.
    pub fn blue(&self) -> Color {
        self.series[0]
    }

    /// Things on their way: pods that start, offered load.
    pub fn orange(&self) -> Color {
        self.series[1]
    }

    /// What serves: ready pods.
    pub fn green(&self) -> Color {
        self.series[2]
    }

    /// The highest percentile, cost.
    pub fn purple(&self) -> Color {
        self.series[3]
    }

    /// A lighter companion of blue.
    pub fn sky(&self) -> Color {
        self.series[4]
    }

    /// Goals and what misses them.
    pub fn red(&self) -> Color {
        self.series[5]
    }

    /// What is neither good nor bad.
    pub fn grey(&self) -> Color {
        self.series[7]
    }

    /// A soft fill in a colour: opaque, so that stacked areas show no seams.
    pub fn soft(&self, color: Color, strength: f64) -> Color {
        self.paper.mix(color, strength)
    }
}

/// Viridis at 0 ≤ `share` ≤ 1, from nine of its colours.
pub fn viridis(share: f64) -> Color {
    const STOPS: [u32; 9] = [
        0x44_01_54, 0x47_2D_7B, 0x3B_52_8B, 0x2C_72_8E, 0x21_91_8C, 0x28_AE_80, 0x5E_C9_62,
        0xAD_DC_30, 0xFD_E7_25,
    ];
    let place = share.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let below = (place.floor() as usize).min(STOPS.len() - 2);
    Color::hex(STOPS[below]).mix(Color::hex(STOPS[below + 1]), place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viridis_grows_lighter_all_the_way() {
        let lightness: Vec<f64> = (0..=100)
            .map(|i| viridis(f64::from(i) / 100.0).lightness())
            .collect();
        assert!(lightness.windows(2).all(|pair| pair[0] <= pair[1] + 0.002));
        assert_eq!(viridis(0.0), Color::hex(0x44_01_54));
        assert_eq!(viridis(1.0), Color::hex(0xFD_E7_25));
    }
}
