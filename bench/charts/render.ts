// SPDX-License-Identifier: MIT
// Vega-Lite to SVG, without a browser or a canvas.
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** What all charts look like: readable on light and dark pages. */
const config = {
  background: 'white',
  font: 'sans-serif',
  // No label for each of a thousand squares.
  aria: false,
  view: { stroke: null },
  axis: { labelLimit: 320 },
} as const;

export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const { spec: vega } = compile({ ...spec, config });
  const view = new View(parse(vega), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}
