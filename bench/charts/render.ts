// SPDX-License-Identifier: MIT
// Renders Vega-Lite charts as SVG, without a browser or a canvas.
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** The look of all charts. They are readable on light and dark pages. */
const config = {
  background: 'white',
  font: 'sans-serif',
  // A chart can have a thousand squares, and each would get an accessibility label.
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
