alter table operations add column project_id integer references projects (id) on delete cascade;
create index operations_project on operations (project_id);
