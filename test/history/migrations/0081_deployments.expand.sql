create table deployments (
  id integer primary key autoincrement not null,
  project_id integer not null references projects (id) on delete cascade,
  name text not null,
  governor_webhook_url text not null default '',
  unique (project_id, name)
);
create table deployments_keys (
  id integer primary key autoincrement not null,
  deployment_id integer not null references deployments (id) on delete cascade,
  name text not null,
  certificate_fingerprint text generated always as (lower(name)) virtual,
  unique (deployment_id, name)
) strict;
