//! Polynomials over a key's curve: Feldman's sharing and Lagrange interpolation, in FROST's groups.

use frost_core::{Ciphersuite, Element, Field, Group};
use rand_core::CryptoRngCore;
use ringi_primitives::kit::RecoveryKit;
use zeroize::{Zeroize, Zeroizing};

use crate::transcript::Framed;

pub(super) type Point<C> = Element<C>;
pub(super) type Scalar<C> = frost_core::Scalar<C>;
type FieldOf<C> = <<C as Ciphersuite>::Group as Group>::Field;
type ScalarBytes<C> = <FieldOf<C> as Field>::Serialization;
type PointBytes<C> = <<C as Ciphersuite>::Group as Group>::Serialization;

/// Hashes until one is a scalar. The rarest case is Ed25519, where one in sixteen is.
const TRIES: u32 = 4096;

/// A secret polynomial; its coefficients are wiped on drop.
pub(super) struct Polynomial<C: Ciphersuite> {
    coefficients: Vec<Zeroizing<[u8; 32]>>,
    curve: std::marker::PhantomData<C>,
}

impl<C: Ciphersuite> Polynomial<C> {
    /// A random one with this value at 0 and `terms` coefficients.
    pub(super) fn new(secret: Scalar<C>, terms: usize, mut rng: &mut dyn CryptoRngCore) -> Polynomial<C> {
        let mut coefficients = vec![bytes::<C>(&secret)];
        coefficients.extend((1..terms).map(|_| bytes::<C>(&<FieldOf<C>>::random(&mut rng))));
        Polynomial { coefficients, curve: std::marker::PhantomData }
    }

    /// The coefficients times the base point; `None` if one is zero.
    pub(super) fn commitments(&self) -> Option<Vec<Vec<u8>>> {
        let commit = |c: &Zeroizing<[u8; 32]>| point_bytes::<C>(&times_base::<C>(&scalar::<C>(c)?));
        self.coefficients.iter().map(commit).collect()
    }

    pub(super) fn at(&self, x: u8) -> Option<Scalar<C>> {
        let x = small::<C>(x);
        let mut value = <FieldOf<C>>::zero();
        for coefficient in self.coefficients.iter().rev() {
            value = value * x + scalar::<C>(coefficient)?;
        }
        Some(value)
    }
}

/// 32 bytes in the field's own order; `None` unless canonical.
pub(super) fn scalar<C: Ciphersuite>(bytes: &[u8; 32]) -> Option<Scalar<C>> {
    let mut bytes = ScalarBytes::<C>::try_from(bytes.as_slice()).ok()?;
    let scalar = <FieldOf<C>>::deserialize(&bytes).ok();
    bytes.as_mut().zeroize();
    scalar
}

pub(super) fn bytes<C: Ciphersuite>(scalar: &Scalar<C>) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let mut bytes = <FieldOf<C>>::serialize(scalar);
    out.iter_mut().zip(bytes.as_ref()).for_each(|(to, from)| *to = *from);
    bytes.as_mut().zeroize();
    out
}

/// The uniform scalar that a seed determines.
pub(super) fn from_seed<C: Ciphersuite>(seed: &[u8; 32]) -> Option<Scalar<C>> {
    (0..TRIES).find_map(|n| {
        let hash = Framed::new("ringi/kit/scalar/v1").part(seed).part(&n.to_be_bytes()).finish();
        scalar::<C>(&Zeroizing::new(hash))
    })
}

pub(super) fn point<C: Ciphersuite>(bytes: &[u8]) -> Option<Point<C>> {
    <C::Group>::deserialize(&PointBytes::<C>::try_from(bytes).ok()?).ok()
}

/// `None` for the identity.
pub(super) fn point_bytes<C: Ciphersuite>(point: &Point<C>) -> Option<Vec<u8>> {
    <C::Group>::serialize(point).ok().map(|bytes| bytes.as_ref().to_vec())
}

/// A kit's commitments; `None` if one is no point.
pub(super) fn commitments<C: Ciphersuite>(kit: &RecoveryKit) -> Option<Vec<Point<C>>> {
    kit.commitments.iter().map(|bytes| point::<C>(bytes)).collect()
}

pub(super) fn times_base<C: Ciphersuite>(scalar: &Scalar<C>) -> Point<C> {
    <C::Group>::generator() * *scalar
}

fn small<C: Ciphersuite>(n: u8) -> Scalar<C> {
    (0..n).fold(<FieldOf<C>>::zero(), |sum, _| sum + <FieldOf<C>>::one())
}

/// The committed polynomial's value at x, times the base point.
pub(super) fn at<C: Ciphersuite>(commitments: &[Point<C>], x: u8) -> Point<C> {
    let x = small::<C>(x);
    commitments.iter().rev().fold(<C::Group>::identity(), |value, c| value * x + *c)
}

/// Lagrange's coefficient of the place `at` among `all`, for the value at `x`.
fn lagrange<C: Ciphersuite>(all: &[u8], at: u8, x: u8) -> Option<Scalar<C>> {
    let one = <FieldOf<C>>::one();
    let (x, x_i) = (small::<C>(x), small::<C>(at));
    let others = all.iter().filter(|other| **other != at).map(|other| small::<C>(*other));
    let (over, under) = others.fold((one, one), |(over, under), x_j| (over * (x - x_j), under * (x_i - x_j)));
    Some(over * <FieldOf<C>>::invert(&under).ok()?)
}

/// The value at 0 of the polynomial through these; `None` if a place comes twice or is 0.
pub(super) fn interpolate<C: Ciphersuite>(values: &[(u8, Scalar<C>)]) -> Option<Scalar<C>> {
    let all = places(values)?;
    let mut sum = <FieldOf<C>>::zero();
    for (at, value) in values {
        sum = sum + lagrange::<C>(&all, *at, 0)? * *value;
    }
    Some(sum)
}

/// The value at `x` of the polynomial in the exponent through these.
pub(super) fn interpolate_points<C: Ciphersuite>(values: &[(u8, Point<C>)], x: u8) -> Option<Point<C>> {
    let all = places(values)?;
    let mut sum = <C::Group>::identity();
    for (at, value) in values {
        sum = sum + *value * lagrange::<C>(&all, *at, x)?;
    }
    Some(sum)
}

fn places<T>(values: &[(u8, T)]) -> Option<Vec<u8>> {
    let all: Vec<u8> = values.iter().map(|(at, _)| *at).collect();
    let distinct: std::collections::BTreeSet<_> = all.iter().filter(|at| **at != 0).collect();
    (distinct.len() == all.len()).then_some(all)
}
