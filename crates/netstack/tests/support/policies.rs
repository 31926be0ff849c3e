pub const ALLOW_ALL: &str = r#"{"default_egress":"allow","default_ingress":"allow"}"#;
pub const DEFAULT: &str = r#"{"default_egress":"deny","default_ingress":"allow","rules":[
  {"direction":"egress","destination":{"group":"host"},"protocols":["udp","tcp"],
   "ports":[{"start":53,"end":53}],"action":"allow"},
  {"direction":"egress","destination":{"group":"public"},"action":"allow"}]}"#;

/// Allows one name, nothing else.
pub fn allow_name(name: &str) -> String {
    format!(
        r#"{{"default_egress":"deny","default_ingress":"deny","rules":[
          {{"direction":"egress","destination":{{"domain":"{name}"}},"action":"allow"}}]}}"#
    )
}

/// Denies one name, allows everything else.
pub fn deny_name(name: &str) -> String {
    format!(
        r#"{{"default_egress":"allow","default_ingress":"deny","rules":[
          {{"direction":"egress","destination":{{"domain":"{name}"}},"action":"deny"}}]}}"#
    )
}
