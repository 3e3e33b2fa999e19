// The one module a page loads; each of the others does one thing for elements marked with data-*.
import * as charts from "./charts.js";
import * as copy from "./copy.js";
import * as counter from "./counter.js";
import * as dialog from "./dialog.js";
import * as live from "./live.js";
import * as menu from "./menu.js";
import * as morph from "./morph.js";
import * as rows from "./rows.js";
import * as search from "./search.js";
import * as table from "./table.js";
import * as theme from "./theme.js";
import * as toast from "./toast.js";
import * as zone from "./zone.js";

for (const module of [zone, theme, toast, copy, counter, dialog, menu, morph, rows, search, table, charts, live]) {
  module.start();
}
