drop trigger certificates_to_identities;
drop trigger certificates_gone;
alter table certificates_projects rename to certificates_projects_old;
alter table certificates rename to certificates_old;
create view certificates (id, fingerprint, type, name, certificate, restricted) as
  select id, identifier, type % 10, name, json_extract(metadata, '$.cert'), type >= 10 from identities where auth_method = 1;
create view certificates_projects (certificate_id, project_id) as
  select identity_id, project_id from identities_projects;
