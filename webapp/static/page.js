// What every page has.

import "./keys.js";
import "./flow.js";
import "./drafts.js";
