// The script of the console. The server renders every page whole, and each works without this file.
// Each module listens on the document, so what htmx swaps in later needs no set-up.
import "./style.css";
import "./fragments";
import "./theme";
import "./menus";
import "./keys";
import "./rows";
import "./marks";
import "./brush";
import "./readout";
import "./copy";
import "./filter";
import "./complete";
import "./preview";
import "./live";
