// What of d3-flame-graph and d3 the report uses; bundled into flame.min.js as
// README.md says.
export { default as flamegraph } from "d3-flame-graph";
export { select } from "d3-selection";
