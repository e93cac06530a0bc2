// The networks of the course, run by hand: dense layers on typed arrays, no library.

/** Numbers stored as float16, in base64, as a Float32Array. */
function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const halves = new Uint16Array(bytes.buffer);
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  });
}

/** The error function, to 1.5e-7 (Abramowitz & Stegun 1964, formula 7.1.26). */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - poly * Math.exp(-x * x));
}

const ACTIVATIONS = {
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  linear: (x) => x,
};

/** x W + b and the activation; W row by row, one row for each number of x. */
function dense(x, {kernel, bias, activation}) {
  const y = Float32Array.from(bias), width = y.length;
  for (let i = 0; i < x.length; i++) {
    const xi = x[i];
    if (xi === 0) continue; // most pixels of a digit
    for (let j = 0, k = i * width; j < width; j++, k++) y[j] += xi * kernel[k];
  }
  return y.map(ACTIVATIONS[activation]);
}

const run = (layers, x) => layers.reduce((values, layer) => dense(values, layer), x);

/** Cuts the numbers of a model into its layers, in the order in which they were written. */
function readModel(parts, numbers) {
  let at = 0;
  const take = (n) => numbers.subarray(at, (at += n));
  const read = ([inputs, outputs, activation]) => ({kernel: take(inputs * outputs), bias: take(outputs), activation});
  return Object.fromEntries(Object.entries(parts).map(([name, layers]) => [name, layers.map(read)]));
}
