//! Sounds at another rate: `scipy.signal.resample_poly` with its own window, number by number.
//!
//! Always: a low pass of 20 periods of the slower rate, a sinc under a Kaiser window of 5, in double precision; before
//! and behind a sound is silence. Both rates are divided by what they share, and what is left of them is bounded: the
//! filter is as long as the larger.

/// The largest of both rates, once they are divided by what they share. 44,100 to 16,000 is 441 to 160.
const MAX_RATIO: u32 = 1_024;
/// Periods on either side of a sample.
const HALF: usize = 10;
const BETA: f64 = 5.0;

/// How one rate becomes another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ratio {
    up: usize,
    down: usize,
}

impl Ratio {
    /// None where the two have too little in common.
    pub(crate) fn new(from: u32, to: u32) -> Option<Ratio> {
        if from == 0 || to == 0 {
            return None;
        }
        let (mut shared, mut rest) = (from, to);
        while rest > 0 {
            (shared, rest) = (rest, shared % rest);
        }
        if (from / shared).max(to / shared) > MAX_RATIO {
            return None;
        }
        Some(Ratio { up: (to / shared) as usize, down: (from / shared) as usize })
    }

    /// How many samples become of so many.
    pub(crate) fn length(&self, samples: usize) -> usize {
        (samples * self.up).div_ceil(self.down)
    }

    pub(crate) fn resample(&self, sound: Vec<f32>) -> Vec<f32> {
        if self.up == self.down {
            return sound;
        }
        let filter = self.filter();
        let half = HALF * self.up.max(self.down);
        let sample = |at: usize| {
            // Sample `k` of the sound counts with the filter's value at `at · down + half - k · up`.
            let middle = at * self.down + half;
            let first = middle.saturating_sub(filter.len() - 1).div_ceil(self.up);
            let last = (middle / self.up + 1).min(sound.len());
            let own = (first..last).map(|k| f64::from(sound[k]) * filter[middle - k * self.up]);
            own.sum::<f64>() as f32
        };
        (0..self.length(sound.len())).map(sample).collect()
    }

    /// Of an odd length, symmetric; at rest it changes nothing.
    fn filter(&self) -> Vec<f64> {
        let longer = self.up.max(self.down);
        let half = (HALF * longer) as f64;
        let value = |at: usize| {
            let away = at as f64 - half;
            let turn = std::f64::consts::PI * away / longer as f64;
            let sinc = if away == 0.0 { 1.0 } else { turn.sin() / turn };
            sinc * bessel(BETA * (1.0 - (away / half).powi(2)).max(0.0).sqrt())
        };
        let values: Vec<f64> = (0..=2 * HALF * longer).map(value).collect();
        let sum: f64 = values.iter().sum();
        values.into_iter().map(|value| value / sum * self.up as f64).collect()
    }
}

/// The modified Bessel function of the first kind and order 0.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= (x / 2.0 / k) * (x / 2.0 / k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden values: `scipy.signal.resample_poly` of SciPy 1.17.1 on the same numbers.
    #[test]
    fn sounds_are_resampled_as_scipy_does_it() {
        let sound = [0.5, -1.0, 0.25, 0.75, -0.125, 1.0, 0.0, -0.5];
        for (from, to, golden) in [
            (
                16000,
                24000,
                &[
                    0.500_303, -0.550_902, -0.994_034, 0.250_152, 1.029_829, 0.253_689, -0.125_076, 0.700_274,
                    0.936_222, 0.000_000, -0.582_558, -0.296_751,
                ][..],
            ),
            (24000, 16000, &[-0.034_615, -0.311_683, 0.505_100, 0.437_740, 0.210_560, -0.424_095][..]),
            (32000, 8000, &[-0.033_112, 0.290_708][..]),
        ] {
            let found = Ratio::new(from, to).unwrap().resample(sound.to_vec());
            assert_eq!(found.len(), golden.len());
            for (found, golden) in found.iter().zip(golden) {
                assert!((found - golden).abs() < 2e-6, "{from} to {to}: {found} {golden}");
            }
        }
    }

    #[test]
    fn a_ratio_is_bounded_and_the_same_rate_changes_nothing() {
        assert_eq!(Ratio::new(44_100, 16_000), Some(Ratio { up: 160, down: 441 }));
        assert_eq!((Ratio::new(16_001, 16_000), Ratio::new(u32::MAX, 8_000), Ratio::new(0, 8_000)), (None, None, None));
        let same = Ratio::new(16_000, 16_000).unwrap();
        assert_eq!((same.length(7), same.resample(vec![0.5, 0.25])), (7, vec![0.5, 0.25]));
        let ratio = Ratio::new(44_100, 16_000).unwrap();
        assert_eq!((ratio.length(0), ratio.length(1), ratio.length(44_100)), (0, 1, 16_000));
        assert!(ratio.resample(Vec::new()).is_empty());
        // What does not change does not, but for the silence at its ends.
        let level = ratio.resample(vec![0.5; 4_410]);
        assert!(level[100..1_500].iter().all(|value| (value - 0.5).abs() < 1e-4), "{:?}", &level[95..105]);
    }
}
