"""SecLang, the language of ModSecurity and Coraza: text to nodes, and nodes to text."""
