// The one module a page loads; each of the others does one thing for elements marked with data-*.
import * as charts from "./charts.js";
import * as copy from "./copy.js";
import * as counter from "./counter.js";
import * as dialog from "./dialog.js";
import * as live from "./live.js";
import * as menu from "./menu.js";
import * as search from "./search.js";
import * as table from "./table.js";
import * as theme from "./theme.js";
import * as toast from "./toast.js";

for (const module of [theme, toast, copy, counter, dialog, menu, search, table, charts, live]) module.start();
