create table identities (
  id integer primary key autoincrement not null,
  auth_method integer not null,
  type integer not null,
  identifier text not null,
  name text not null,
  metadata text not null,
  first_seen_date datetime,
  unique (auth_method, identifier),
  unique (type, identifier)
);
create table identities_projects (
  identity_id integer not null,
  project_id integer not null,
  foreign key (identity_id) references identities (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade,
  unique (identity_id, project_id)
);
create table identities_auth_groups (
  id integer primary key autoincrement not null,
  identity_id integer not null,
  auth_group_id integer not null,
  foreign key (identity_id) references identities (id) on delete cascade,
  foreign key (auth_group_id) references auth_groups (id) on delete cascade,
  unique (identity_id, auth_group_id)
);
